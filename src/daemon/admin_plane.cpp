// SPDX-License-Identifier: Apache-2.0
// What the admin API is given, and what the audit log is told beside it.
#include "daemon/daemon.h"

namespace shallop::daemon {

api::Admin::Parts Daemon::admin_parts() {
    return {gateway_,     registry_,   invoker_,    queue_,     jobs_,  *store_, engine_,
            invocations_, log_book_,   metrics_,    clock_,     log_,   tokens_, audit_,
            instances(),  &scheduler_, code_.get(), &triggers_, &vault_};
}

/// What is in the folder was put there by somebody who needed no token.
void Daemon::note_folder(const function::FunctionPtr& before, const function::FunctionPtr& after) {
    const auto& function = after ? after : before;
    if (!folder_ || function->origin.empty()) return;
    access::AuditEntry entry;
    entry.event = "change";
    entry.who = "folder";
    entry.method = after ? "PUT" : "DELETE";
    entry.path = function->origin;
    entry.function = function->spec.name;
    if (after) entry.version = after->version;
    audit_.note(entry);
}

void Daemon::note_signal(const base::Status& done) {
    access::AuditEntry entry;
    entry.event = "change";
    entry.who = "SIGHUP";
    entry.path = "/v1/reload";
    if (!done) entry.fault = base::name(done.error().fault);
    audit_.note(entry);
}

}  // namespace shallop::daemon
