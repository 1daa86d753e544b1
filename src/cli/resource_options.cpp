// SPDX-License-Identifier: Apache-2.0
#include "cli/resource_flags.h"

#include <CLI/CLI.hpp>

namespace shallop::cli {
namespace {

void add_image_flags(CLI::App& command, ResourceFlags& flags) {
    command.add_option("--image", flags.image,
                       "the image, pulled if it is not there; beside files, the runtime that runs them");
    command.add_option("--route", flags.routes, "'[METHOD,… ][HOST]/PATH' beside /function/NAME; may be repeated")
        ->allow_extra_args(false);
    add_container_flags(command, flags);
    command.add_option("--timeout", flags.timeout, "for one event in all, such as 30s");
    command.add_option("--request-body", flags.request_body, "limit, such as 6Mi");
    command.add_option("--response-body", flags.response_body, "limit, such as 1Gi, or unlimited");
    command
        .add_option("--command", flags.command,
                    "in place of the image's CMD (its ENTRYPOINT stays): all words up to the next flag; or after --")
        ->expected(1, -1);
}

void add_contract_flags(CLI::App& command, ResourceFlags& flags) {
    command
        .add_option("--contract", flags.contract,
                    "auto, cgi (its command is run per event), http or fcgi (it is a server)")
        ->group("Contract");
    command
        .add_option("--port", flags.port,
                    "where its server listens: a port, or unix:/PATH; asks for http but with fcgi")
        ->group("Contract");
    command.add_option("--ready-path", flags.ready_path, "a path that answers 2xx or 3xx once the server is ready")
        ->group("Contract");
    command.add_option("--output", flags.output, "how cgi output is read: auto, cgi, raw or nph")->group("Contract");
    command
        .add_flag("--pass-authorization", flags.pass_authorization,
                  "let a cgi or fcgi function see the Authorization field")
        ->group("Contract");
}

void add_scale_flags(CLI::App& command, ResourceFlags& flags) {
    constexpr const char* group = "Scale";
    command.add_option("--min", flags.min, "instances kept warm")->group(group);
    command.add_option("--max", flags.max, "instances at once")->group(group);
    command.add_option("--concurrency", flags.concurrency, "events at once in one instance")->group(group);
    command.add_flag("--reuse", flags.reuse, "keep instances warm for the next event; the default")->group(group);
    command.add_flag("--fresh", flags.fresh, "a fresh container for each event")->group(group);
    command.add_option("--standby", flags.standby, "fresh containers started ahead, with --fresh")->group(group);
    command.add_option("--idle-timeout", flags.idle_timeout, "how long an instance may be idle, such as 10m")
        ->group(group);
    command.add_option("--idle", flags.idle, "keep, or pause: stop the processes of idle instances")->group(group);
    command.add_option("--keep-alive", flags.keep_alive, "fixed, or learned from the function's own arrivals")
        ->group(group);
    command.add_option("--max-invocations", flags.max_invocations, "replace an instance after so many")->group(group);
    command.add_option("--queue", flags.queue, "events that may wait for an instance")->group(group);
    command.add_option("--queue-timeout", flags.queue_timeout, "how long they may, such as 30s")->group(group);
}

void add_source_flags(CLI::App& command, ResourceFlags& flags) {
    constexpr const char* group = "Functions from files";
    command.add_option("--language", flags.language, "the runtime, such as python; else told from the files")
        ->group(group);
    command.add_option("--entry", flags.entry, "the file that is run or loaded; else told from the files")
        ->group(group);
    command.add_option("--handler", flags.handler, "what is called in it, such as main:app; else found in it")
        ->group(group);
    command
        .add_flag("--application-routes", flags.own_routes,
                  "the function's routes are those that the application tells, as Flask and Express can")
        ->group(group);
}

}  // namespace

void add_container_flags(CLI::App& command, ResourceFlags& flags) {
    command.add_option("-e,--env", flags.env, "NAME=VALUE, or NAME for the value it has here; may be repeated")
        ->allow_extra_args(false);
    command
        .add_option("--secret", flags.secrets,
                    "NAME[:FILE] of a kept secret, as the file /run/secrets/FILE; may be repeated")
        ->allow_extra_args(false);
    command
        .add_option("--mount", flags.mounts, "VOLUME:/TARGET[:rw] or /HOST/PATH:/TARGET[:rw]; read-only without :rw")
        ->allow_extra_args(false);
    command.add_option("--network", flags.network, "an existing Docker network; none without it");
    command.add_option("--memory", flags.memory, "limit, such as 256Mi");
    command.add_option("--cpus", flags.cpus, "limit, such as 0.5");
    command.add_option("--pids", flags.pids, "limit of processes");
    command.add_option("--files", flags.files, "limit of open files");
    command.add_option("--tmp", flags.tmp, "size of /tmp, such as 64Mi");
    command.add_option("--user", flags.user, "instead of the image's");
    command.add_option("--runtime", flags.runtime, "the engine's runtime, such as crun");
    command.add_option("--gpus", flags.gpus, "how many, all, or ids: GPU-1a2b…,GPU-3c4d…");
    command.add_option("--capability", flags.capabilities, "one to keep; all are dropped without it")
        ->allow_extra_args(false);
    command.add_option("--pull", flags.pull, "if-missing, always or never");
    command.add_flag("--writable-root", flags.writable_root, "let it write to its own file system");
}

void add_resource_flags(CLI::App& command, ResourceFlags& flags) {
    add_image_flags(command, flags);
    add_source_flags(command, flags);
    add_contract_flags(command, flags);
    add_scale_flags(command, flags);
}

}  // namespace shallop::cli
