// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shallop/base/units.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// What a function, an event and a reply *are*: values and their validation, no I/O.
namespace shallop::function {

using base::Bytes;
using base::Duration;

/// Who signs, and thereby how (signature.h).
enum class SignatureScheme { github, gitlab, gitea, stripe, slack, standard_webhooks, hmac };

/// How the requests of a route must be signed.
struct Signature {
    SignatureScheme scheme = SignatureScheme::github;
    std::vector<std::string>
        secrets;  ///< any of them will do; never shown: documents have hidden_secret in their place
    std::vector<std::string> secret_names{};       ///< of secrets that the server keeps, each of which will do as well
    Duration tolerance = std::chrono::minutes(5);  ///< how far the signed time may be from ours, where one is signed

    // Of the scheme hmac alone.
    std::string header;                  ///< the field that has the signature
    std::string algorithm = "sha256";    ///< sha256, sha1, sha512
    std::string encoding = "hex";        ///< hex, base64
    std::string prefix{};                ///< what stands before the signature in its field, "sha256="
    std::string timestamp_header{};      ///< the field with the time, in seconds since 1970; "": none is signed
    std::string signed_text = "{body}";  ///< "{timestamp}.{body}"

    bool operator==(const Signature&) const = default;
};

/// Host, method and path pattern that lead to a function.
struct Route {
    std::string path;  ///< "/a/{id}/b" one segment a parameter, "/files/{rest...}" or "/files/*" a prefix
    std::vector<std::string> methods;      ///< upper-case; empty = all
    std::string host;                      ///< lower-case, without port; "*.example.org" one label; empty = all
    std::optional<Signature> signature{};  ///< nullopt: anybody may call
    bool async = false;                    ///< its requests are queued, whether they ask for it or not

    bool operator==(const Route&) const = default;
};

enum class ContractKind { cgi, http, fcgi };

/// How the bytes a CGI program prints are read (contracts A2, A3).
enum class Output { automatic, cgi, raw, nph };

/// How a container of this function is started, given an event, and read.
struct Contract {
    bool automatic = true;  ///< the resource said "auto": `kind` was decided from the image, `reason` says why
    ContractKind kind = ContractKind::cgi;
    std::string reason;  ///< why `kind` or, where none was said, `port` is what it is; written by decide_contract()
    Output output = Output::automatic;
    std::string document_root;        ///< path inside the image; sets DOCUMENT_ROOT, SCRIPT_FILENAME, PATH_TRANSLATED
    std::string script;               ///< path inside the image, for SCRIPT_FILENAME
    bool pass_authorization = false;  ///< HTTP_AUTHORIZATION is exported only where the deployer asks for it
    int port = 0;  ///< http, fcgi: where the server listens inside; 0 = not said (decide_contract() then finds one)
    std::string socket;      ///< http, fcgi: the path of a unix socket inside instead of a port
    std::string root;        ///< fcgi: the folder of the scripts inside; "" = the usual one (decide_contract())
    std::string index;       ///< fcgi: the front controller below it, whose extension is that of scripts; "" likewise
    std::string ready_path;  ///< http: a GET of it must answer 2xx or 3xx before events come; "" = connecting is enough

    bool operator==(const Contract&) const = default;
};

enum class MountKind { volume, bind, tmpfs };

/// Something mounted into the container. Binds are refused unless their source is below an operator's allowed path.
struct Mount {
    MountKind kind = MountKind::volume;
    std::string source;  ///< a volume's name, a host path; empty for tmpfs
    std::string target;
    bool read_only = true;
    Bytes size = 0;  ///< tmpfs only; 0 = engine's default

    bool operator==(const Mount&) const = default;
};

/// A secret that the server keeps, as a file in the function's containers.
struct SecretFile {
    std::string name;  ///< of the secret
    std::string file;  ///< below secrets_directory

    bool operator==(const SecretFile&) const = default;
};

/// GPUs as `docker run --gpus` asks for them: so many, or these.
struct Gpus {
    int count = 0;  ///< all_gpus: as many as there are
    std::vector<std::string> ids{};

    bool any() const { return count != 0 || !ids.empty(); }
    bool operator==(const Gpus&) const = default;
};
inline constexpr int all_gpus = -1;

struct Limits {
    Bytes memory = 256ULL << 20;
    double cpus = 1.0;
    int pids = 128;
    int files = 1024;
    Bytes tmp = 64ULL << 20;
    Duration timeout = std::chrono::seconds(30);
    Bytes request_body = 6ULL << 20;
    std::optional<Bytes> response_body;  ///< nullopt = unlimited
    Bytes log_rate = 1ULL << 20;         ///< bytes a second of stderr kept; the rest is counted and dropped

    bool operator==(const Limits&) const = default;
};

struct Scale {
    int min = 0;          ///< instances kept warm whatever happens
    int max = 10;         ///< instances at once
    int concurrency = 1;  ///< invocations at once in one instance
    bool reuse = true;    ///< false: a fresh container for every invocation
    int standby = 0;      ///< containers started ahead, each for one invocation; only with reuse false
    Duration idle_timeout = std::chrono::minutes(5);
    std::string idle = "keep";         ///< keep, or pause: an idle instance's processes are stopped
    std::string keep_alive = "fixed";  ///< fixed (idle_timeout), or learned from the function's own arrivals
    int max_invocations = 0;           ///< an instance that had so many is replaced; 0 = no bound
    int queue = 100;                   ///< events that may wait for a slot
    Duration queue_timeout = std::chrono::seconds(30);

    bool operator==(const Scale&) const = default;
};

/// Where the outcome of a queued event is sent: exactly one of the three is set.
struct Destination {
    std::string function{};  ///< gets it as an event
    std::string url{};       ///< gets it by POST
    std::string file{};      ///< of the data directory's sinks/: gets a line of JSON

    bool operator==(const Destination&) const = default;
};

/// What becomes of events that are accepted to be run later.
struct Async {
    int max_attempts = 3;
    Duration backoff_initial = std::chrono::seconds(1);
    double backoff_factor = 2;
    Duration backoff_max = std::chrono::minutes(5);
    double jitter = 0.2;                       ///< a wait is up to this part of it shorter or longer
    Duration max_age = std::chrono::hours(6);  ///< an event that is older is not tried again
    int concurrency = 10;                      ///< events of this function that run at once
    std::optional<Destination> on_success, on_failure;
    Duration retention = std::chrono::hours(24);  ///< outcomes and dead letters are kept for so long
    Bytes result = 1ULL << 20;                    ///< so much of a reply's body is kept
    std::vector<int> retry_on;                    ///< statuses below 500 that are tried again
    int backlog = 1'000'000;                      ///< events that may wait
    Bytes backlog_bytes = 1ULL << 30;             ///< their bodies in all
    bool yield = false;                           ///< requests that wait go first, whenever they came

    bool operator==(const Async&) const = default;
};

/// Code given as files, run by a runtime image or made an image of its own.
struct Source {
    std::string runtime;  ///< "python"; "" = found in the files
    std::string entry;    ///< the file that is run or loaded, relative to the code's directory; "" = found in the files
    std::string handler;  ///< in the runtime's words, such as "main:app"; "" = the runtime looks for one
    std::string code;     ///< the tree's id in the code store; "" in a Spec means an instance that has no code yet
    bool own_routes = false;  ///< the function's routes are those that the application tells when it is loaded
    std::string
        packages{};  ///< the tree of what its packages file asks for; "" = nothing. Ours: what a deployer says of it is passed over
    std::string kind{};  ///< what the runtime found in the code, in its words; "" = not known. Ours, as `packages`
    std::map<std::string, std::string> files{};  ///< given inline, path to text; never kept: they become `code`

    bool operator==(const Source&) const = default;
};

/// What a runtime says of the code that it has loaded.
struct Announced {
    std::string kind, handler;  ///< for people; may be empty
    std::vector<Route> routes;  ///< that the application knows itself
};

/// A named, versioned description of a function, as a deployer gives it, defaults filled in.
struct Spec {
    std::string name;
    std::string image;             ///< of a source function: its runtime's
    std::optional<Source> source;  ///< nullopt: the image is the function
    std::optional<Source> build;   ///< code with a Dockerfile, from which we make the image; its runtime is that word
    std::optional<std::vector<std::string>> command;  ///< replaces the image's CMD, as `docker run IMAGE COMMAND…`
    Contract contract;
    std::vector<Route> routes;
    std::map<std::string, std::string> env;
    std::vector<SecretFile> secrets;
    std::string user;              ///< "" = the image's own
    std::string network = "none";  ///< "none", or the name of an existing Docker network
    std::vector<Mount> mounts;
    std::string runtime;  ///< engine runtime ("crun", "runsc"), "" = the engine's default
    bool read_only = true;
    Gpus gpus;
    std::vector<std::string> capabilities;  ///< added back after ALL are dropped; from a short allow-list
    std::string pull = "if-missing";        ///< if-missing, always, never
    Limits limits;
    Scale scale;
    Async async;

    bool operator==(const Spec&) const = default;
};

/// What the engine said of the image when the function was registered: `docker run` semantics come from here.
struct ImageFacts {
    std::string id{};  ///< sha256:…; containers are made from it, so that a re-tagged image changes nothing until PUT
    std::vector<std::string> entrypoint{};
    std::vector<std::string> cmd{};
    std::string working_dir{};
    std::string user{};
    std::vector<std::string> env{};            ///< "NAME=value"
    std::vector<std::string> exposed_ports{};  ///< "8080/tcp"
    std::map<std::string, std::string> labels{};

    bool operator==(const ImageFacts&) const = default;
};

/// A registered version of a function: immutable, shared by everything that runs it.
struct Function {
    Spec spec;
    ImageFacts image;
    std::int64_t version = 1;  ///< counts up with each change of the same name
    std::string etag;          ///< opaque, without quotes; changes with each change
    std::string created;       ///< RFC 3339, UTC
    std::string updated;
    std::string origin{};  ///< its file in the folder of functions that the daemon serves; "": somebody deployed it
};

using FunctionPtr = std::shared_ptr<const Function>;

}  // namespace shallop::function
