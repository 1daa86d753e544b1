// SPDX-License-Identifier: Apache-2.0
// A whole runtime: each request runs the program `entry` of the code, the body is its stdin, and what it prints is the answer.
#define _GNU_SOURCE
#include <json-c/json.h>
#include <microhttpd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <sys/wait.h>

static const char *volatile program;  // none: there is no code yet

static unsigned specialize(int body, int answer) {
    struct json_object *said = json_object_from_fd(body), *env = json_object_object_get(said, "env");
    const char *code = json_object_get_string(json_object_object_get(said, "code"));
    const char *entry = json_object_get_string(json_object_object_get(said, "entry"));
    char words[2048] = "program";
    json_object_object_foreach(env, name, value) setenv(name, json_object_get_string(value), 1);
    if (!entry || !entry[0]) entry = "main";
    if (chdir(code) == 0 && access(entry, X_OK) == 0) program = entry;
    else snprintf(words, sizeof words, "%s: there is no such program in the function's code", entry);
    dprintf(answer, "{\"%s\":%s}", program ? "kind" : "error", json_object_to_json_string(json_object_new_string(words)));
    return program ? 200 : 422;
}

static unsigned run(int body, int answer) {
    int status = 1;
    const pid_t child = vfork();
    if (child == 0) _exit(dup2(body, 0) == 0 && dup2(answer, 1) == 1 ? execl(program, program, NULL) : 127);
    return waitpid(child, &status, 0) == child && status == 0 ? 200 : 500;
}

// Called when a request has a head, for each piece of its body, and when it is whole.
static enum MHD_Result serve(void *own, struct MHD_Connection *caller, const char *path, const char *method, const char *version,
                             const char *piece, size_t *left, void **body) {
    if (!*body) return (*body = fdopen(memfd_create("body", MFD_CLOEXEC), "w+")) ? MHD_YES : MHD_NO;
    if (*left > 0) return *left -= fwrite(piece, 1, *left, *body), MHD_YES;
    rewind(*body);
    const int in = fileno(*body), out = memfd_create("answer", MFD_CLOEXEC);
    const int first = !program && strcmp(method, "POST") == 0 && strcmp(path, "/.shallop/specialize") == 0;
    const unsigned status = first ? specialize(in, out) : program ? run(in, out) : 503;
    if (status == 503) dprintf(out, "this container has no code yet\n");
    struct MHD_Response *answer = MHD_create_response_from_fd(lseek(out, 0, SEEK_END), out);
    MHD_add_response_header(answer, "Content-Type", first ? "application/json" : "text/plain; charset=utf-8");
    const enum MHD_Result queued = MHD_queue_response(caller, status, answer);
    return MHD_destroy_response(answer), queued;
}

static void completed(void *own, struct MHD_Connection *caller, void **body, enum MHD_RequestTerminationCode how) {
    if (*body) fclose(*body);
}

int main(void) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strncpy(at.sun_path, getenv("SHALLOP_SOCKET"), sizeof at.sun_path - 1);
    if (bind(door, (void *)&at, sizeof at) != 0 || listen(door, 1024) != 0) return perror(at.sun_path), 1;
    return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, serve, NULL,
                            MHD_OPTION_LISTEN_SOCKET, door, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END) ? pause() : 1;
}
