// SPDX-License-Identifier: Apache-2.0
#include "cli/rest.h"

#include <curl/curl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

namespace shallop::cli {
namespace {

constexpr long connect_seconds = 5;
constexpr std::size_t largest_document = 64UL << 20;

/// What libcurl's callbacks write into.
struct Arriving {
    const Request& request;
    CURL* curl;
    Reply reply{};
    std::function<void(std::string_view)> sink{};
    bool head_done = false;

    void end_head() {
        if (head_done) return;
        head_done = true;
        ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.head.status);
        if (request.choose_sink) sink = request.choose_sink(reply.head);
    }
};

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return result;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    return text;
}

std::size_t on_field(char* bytes, std::size_t, std::size_t size, void* user) {
    auto& head = static_cast<Arriving*>(user)->reply.head;
    const std::string_view line(bytes, size);
    const auto colon = line.find(':');
    if (line.starts_with("HTTP/")) {
        head = Head{};  // a 100 came before
    } else if (colon != std::string_view::npos) {
        head.fields.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    }
    return size;
}

std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* user) {
    auto& arriving = *static_cast<Arriving*>(user);
    arriving.end_head();
    if (arriving.sink) {
        arriving.sink({bytes, size});
    } else {
        if (arriving.reply.body.size() + size > largest_document) return 0;
        arriving.reply.body.append(bytes, size);
    }
    return size;
}

std::size_t on_upload(char* into, std::size_t, std::size_t size, void* user) {
    return std::fread(into, 1, size, static_cast<std::FILE*>(user));
}

/// libcurl asks at least once a second; anything but 0 ends the call.
int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::atomic<bool>*>(user)->load() ? 1 : 0;
}

bool says_type(const Request& request) {
    return std::any_of(request.fields.begin(), request.fields.end(),
                       [](const auto& field) { return lower(field).starts_with("content-type:"); });
}

/// The size of what is left of a regular file; -1 for a pipe.
curl_off_t size_of(std::FILE* file) {
    struct stat about{};
    const bool known = ::fstat(::fileno(file), &about) == 0 && S_ISREG(about.st_mode);
    return known ? about.st_size - ::lseek(::fileno(file), 0, SEEK_CUR) : -1;
}

/// The fields of a call, owned by libcurl's list.
struct FieldList {
    ~FieldList() { ::curl_slist_free_all(list); }
    void add(const std::string& line) { list = ::curl_slist_append(list, line.c_str()); }
    curl_slist* list = nullptr;
};

/// What is wrong between us and a daemon that speaks https.
std::optional<Complaint> no_tls(int code, const std::string& words, const std::string& where) {
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        return Complaint{
            "the certificate of the daemon at " + where + " is not to be trusted: " + words,
            "name the certificate of its CA, or its own if it is self-signed: --ca FILE, or SHALLOP_CA; and "
            "a host that stands in it"};
    }
    if (code == CURLE_SSL_CACERT_BADFILE)
        return Complaint{"the CA's certificate cannot be used: " + words,
                         "name a file in PEM: --ca FILE, or SHALLOP_CA"};
    if (code == CURLE_SSL_CERTPROBLEM) {
        return Complaint{"this client's certificate cannot be used: " + words,
                         "name both files, in PEM: --cert FILE --key FILE, or SHALLOP_CERT and SHALLOP_KEY"};
    }
    const bool alert = words.find("alert") != std::string::npos;
    const bool of_ours =
        words.find("certificate") != std::string::npos || words.find("unknown ca") != std::string::npos;
    if (alert && of_ours) {
        return Complaint{
            "the daemon at " + where + " does not take this client's certificate, or misses one: " + words,
            "name one that its --tls-client-ca has signed: --cert FILE --key FILE, or SHALLOP_CERT and SHALLOP_KEY"};
    }
    if (code != CURLE_SSL_CONNECT_ERROR) return std::nullopt;
    return Complaint{"no TLS with the daemon at " + where + ": " + words,
                     "does it speak https? without --tls-cert its address begins with http://"};
}

}  // namespace

struct Rest::Handle {
    CURL* curl = ::curl_easy_init();
    ~Handle() { ::curl_easy_cleanup(curl); }

    template <typename V>
    void set(CURLoption option, V value) {
        ::curl_easy_setopt(curl, option, value);
    }

    void aim(const Server& server, const Request& request) {
        ::curl_easy_reset(curl);
        set(CURLOPT_URL, (server.url + request.path).c_str());
        if (!server.unix_socket.empty()) set(CURLOPT_UNIX_SOCKET_PATH, server.unix_socket.c_str());
        set(CURLOPT_PROXY, "");
        set(CURLOPT_PATH_AS_IS, 1L);
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        if (!server.ca.empty()) set(CURLOPT_CAINFO, server.ca.c_str());
        if (!server.cert.empty()) set(CURLOPT_SSLCERT, server.cert.c_str());
        if (!server.cert.empty()) set(CURLOPT_SSLKEY, (server.key.empty() ? server.cert : server.key).c_str());
        set(CURLOPT_CONNECTTIMEOUT, connect_seconds);
        set(CURLOPT_TIMEOUT, request.patience_seconds);
        set(CURLOPT_NOSIGNAL, 1L);
    }

    curl_off_t number(CURLINFO info) const {
        curl_off_t value = 0;
        ::curl_easy_getinfo(curl, info, &value);
        return std::max<curl_off_t>(0, value);
    }

    Timing timing() const {
        const auto ms = [this](CURLINFO info) { return static_cast<double>(number(info)) / 1000.0; };
        return {ms(CURLINFO_NAMELOOKUP_TIME_T),
                ms(CURLINFO_CONNECT_TIME_T),
                ms(CURLINFO_STARTTRANSFER_TIME_T),
                ms(CURLINFO_TOTAL_TIME_T),
                static_cast<std::uint64_t>(number(CURLINFO_SIZE_UPLOAD_T)),
                static_cast<std::uint64_t>(number(CURLINFO_SIZE_DOWNLOAD_T))};
    }

    void load(const Request& request) {
        if (request.upload != nullptr) {
            set(CURLOPT_UPLOAD, 1L);
            set(CURLOPT_READFUNCTION, &on_upload);
            set(CURLOPT_READDATA, request.upload);
            set(CURLOPT_INFILESIZE_LARGE, size_of(request.upload));
        } else if (!request.body.empty() || request.method == "PUT" || request.method == "POST" ||
                   request.method == "PATCH") {
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
            set(CURLOPT_POSTFIELDS, request.body.c_str());
        }
        if (request.method == "HEAD") set(CURLOPT_NOBODY, 1L);
        if (request.stop != nullptr) {
            set(CURLOPT_NOPROGRESS, 0L);
            set(CURLOPT_XFERINFOFUNCTION, &on_progress);
            set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(request.stop));
        }
        set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
};

Rest::Rest(Server server) : server_(std::move(server)), handle_(std::make_unique<Handle>()) {}
Rest::~Rest() = default;

Complaint Rest::no_answer(int code, const char* words) const {
    const auto where = server_.unix_socket.empty() ? server_.url : "unix:" + server_.unix_socket;
    if (auto complaint = no_tls(code, words, where)) return *complaint;
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
        return {"cannot reach the daemon at " + where + ": " + words,
                "is the daemon running? start it with: shallop serve; or say where it is: --url URL, or SHALLOP_URL", 1,
                true};
    }
    if (code == CURLE_OPERATION_TIMEDOUT)
        return {"the daemon at " + where + " does not answer in time", "look at its log", 1, true};
    return {"the answer of the daemon at " + where + " is not whole: " + words, "look at its log; then try again", 1,
            true};
}

Result<Reply> Rest::call(const Request& request) {
    Arriving arriving{request, handle_->curl};
    std::array<char, CURL_ERROR_SIZE> words{};
    FieldList fields;
    for (const auto& field : request.fields) fields.add(field);
    if (!server_.token.empty()) fields.add("Authorization: Bearer " + server_.token);
    fields.add("Expect:");
    if (!says_type(request)) fields.add("Content-Type:");

    auto& handle = *handle_;
    handle.aim(server_, request);
    handle.load(request);
    handle.set(CURLOPT_HTTPHEADER, fields.list);
    handle.set(CURLOPT_ERRORBUFFER, words.data());
    handle.set(CURLOPT_HEADERFUNCTION, &on_field);
    handle.set(CURLOPT_HEADERDATA, &arriving);
    handle.set(CURLOPT_WRITEFUNCTION, &on_body);
    handle.set(CURLOPT_WRITEDATA, &arriving);

    const auto code = ::curl_easy_perform(handle.curl);
    if (code != CURLE_OK) return no_answer(code, words[0] != '\0' ? words.data() : ::curl_easy_strerror(code));
    arriving.end_head();
    arriving.reply.timing = handle.timing();
    return std::move(arriving.reply);
}

Result<Reply> Rest::ask(const Request& request) {
    auto reply = call(request);
    if (reply && reply->head.status >= 300) return complaint_from(reply->head.status, reply->body, request.path);
    return reply;
}

std::string Head::field(std::string_view name) const {
    const auto at = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
    return at == fields.end() ? std::string() : at->second;
}

}  // namespace shallop::cli
