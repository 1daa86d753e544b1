// SPDX-License-Identifier: Apache-2.0
#include "docker/transfer.h"

#include "docker/refusal.h"

#include <cstring>
#include <string_view>

namespace shallop::docker {
namespace {

constexpr const char* json_type = "application/json";
constexpr std::size_t read_ahead = 256 * 1024;

/// What holds for every request to this engine.
void set_constants(CURL* easy, const Host& host) {
    if (!host.unix_path.empty()) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, host.unix_path.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");  // whatever http_proxy says: the engine is not behind it
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "shallop/" SHALLOP_VERSION);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 16384L);
}

}  // namespace

Handles::Handles(Host host, async::Executor executor, std::size_t kept)
    : host_(std::move(host)), executor_(executor), kept_(kept), headers_(nullptr), reactor_(executor, kept) {
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    headers_ = curl_slist_append(headers_, "Expect:");
}

Handles::~Handles() {
    for (CURL* easy : idle_) curl_easy_cleanup(easy);
    curl_slist_free_all(headers_);
}

CURL* Handles::take() {
    if (!idle_.empty()) {
        CURL* easy = idle_.back();
        idle_.pop_back();
        return easy;
    }
    CURL* easy = curl_easy_init();
    base::ensure(easy != nullptr, "libcurl has memory for an easy handle");
    set_constants(easy, host_);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    reactor_.equip(easy);
    return easy;
}

void Handles::give_back(CURL* easy) {
    if (idle_.size() >= kept_) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    idle_.push_back(easy);
}

Transfer::Transfer(Handles& handles, Request request)
    : handles_(handles),
      request_(std::move(request)),
      url_(handles.host().base + request_.target),
      easy_(handles.take()),
      changed_(handles.executor()) {
    set_up();
    handles_.reactor().add(easy_);
}

Transfer::~Transfer() {
    if (!ended_) handles_.reactor().remove(easy_);
    handles_.give_back(easy_);
    curl_slist_free_all(headers_);
}

void Transfer::set_up() {
    const bool post = std::strcmp(request_.method, "POST") == 0;
    const bool get = std::strcmp(request_.method, "GET") == 0;
    curl_easy_setopt(easy_, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(easy_, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, post || get ? nullptr : request_.method);
    if (post) {
        curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
        curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());
    }
    const bool usual = std::strcmp(request_.type, json_type) == 0;
    if (!request_.registry_auth.empty() || !usual) {
        if (!request_.registry_auth.empty())
            headers_ = curl_slist_append(headers_, ("X-Registry-Auth: " + request_.registry_auth).c_str());
        headers_ = curl_slist_append(headers_, (std::string("Content-Type: ") + request_.type).c_str());
        headers_ = curl_slist_append(headers_, "Expect:");
        curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
    }
    curl_easy_setopt(easy_, CURLOPT_PRIVATE, static_cast<Ending*>(this));
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, words_.data());
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &Transfer::on_send);
    curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
}

/// libcurl sends again on a new connection when a kept one was closed without a byte of answer. Fine for GET and DELETE.
int Transfer::on_send(void* self, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(self);
    const bool again = ++transfer.sent_ > 1;
    return again && std::strcmp(transfer.request_.method, "POST") == 0 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::string_view line(data, size * count);
    if (line == "\r\n" || line == "\n") {
        long status = 0;
        curl_easy_getinfo(transfer.easy_, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200) {
            transfer.status_ = static_cast<int>(status);
            transfer.head_ = true;
            transfer.changed_.notify_all();
        }
    }
    return line.size();
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (transfer.received_.size() + size * count > read_ahead) {
        transfer.paused_ = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    transfer.received_.append(data, size * count);
    transfer.changed_.notify_all();
    return size * count;
}

void Transfer::ended(CURLcode code) {
    code_ = code;
    ended_ = true;
    changed_.notify_all();
}

async::Task<base::Status> Transfer::head() {
    while (!head_ && !ended_) co_await changed_.wait();
    if (!head_) co_return failure();
    co_return base::Status();
}

async::Task<base::Result<bool>> Transfer::read(std::string& chunk) {
    chunk.clear();
    while (received_.empty() && !ended_) co_await changed_.wait();
    chunk.swap(received_);
    if (paused_ && !ended_) {
        paused_ = false;
        curl_easy_pause(easy_, CURLPAUSE_CONT);
    }
    if (!chunk.empty()) co_return true;
    if (code_ != CURLE_OK) co_return failure();
    co_return false;
}

base::Error Transfer::failure() const {
    long number = 0;
    curl_easy_getinfo(easy_, CURLINFO_OS_ERRNO, &number);
    std::string why = words_[0] != '\0' ? words_.data() : curl_easy_strerror(code_);
    if (code_ == CURLE_ABORTED_BY_CALLBACK) {
        why = "the connection was closed before it answered";
    } else if (head_) {
        why = "its answer broke off: " + why;
    } else if (code_ == CURLE_COULDNT_CONNECT && number != 0) {
        why = std::strerror(static_cast<int>(number));
    } else if (code_ == CURLE_OK) {
        why = "it closed the connection without an answer";
    }
    return {base::Fault::engine_down, "the engine cannot be reached: " + log_safe(why, 300)};
}

}  // namespace shallop::docker
