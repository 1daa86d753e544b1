// SPDX-License-Identifier: Apache-2.0
#include "api/instances.h"

#include "support/results.h"

#include <catch2/catch_test_macros.hpp>

using namespace shallop;
using api::InstanceView;
using nlohmann::json;

namespace {

/// Keeps instances in a list, and retires as a pool does: at once where nothing runs, else when it has ended.
struct Keeper {
    std::vector<InstanceView> kept;
    std::string asked_for;

    api::Instances view() {
        api::Instances instances;
        instances.list = [this](const std::string& function) {
            asked_for = function;
            return kept;
        };
        instances.retire = [this](const std::string&, const std::string& id) {
            for (auto at = kept.begin(); at != kept.end(); ++at) {
                if (at->id != id) continue;
                at->state = "retiring";
                if (at->events == 0) kept.erase(at);
                return true;
            }
            return false;
        };
        return instances;
    }
};

InstanceView one(std::string id, std::string state, int events, std::int64_t second) {
    InstanceView view;
    view.id = std::move(id);
    view.state = std::move(state);
    view.version = 3;
    view.events = events;
    view.served = 41;
    view.since = std::chrono::system_clock::time_point(std::chrono::seconds(second));
    view.container = "c" + view.id;
    return view;
}

}  // namespace

TEST_CASE("instances are listed oldest first with all that an operator asks of them", "[api]") {
    Keeper keeper{{one("b", "leased", 2, 200), one("a", "idle", 0, 100)}, ""};
    const auto answer = api::list_instances(keeper.view(), "f");
    CHECK(keeper.asked_for == "f");
    CHECK(answer.status == 200);
    CHECK(json::parse(answer.body) == json::parse(R"({"instances":[
        {"id":"a","state":"idle","version":3,"events":0,"served":41,"since":"1970-01-01T00:01:40.000Z","container":"ca"},
        {"id":"b","state":"leased","version":3,"events":2,"served":41,"since":"1970-01-01T00:03:20.000Z","container":"cb"}]})"));
}

TEST_CASE("an instance that is being launched has neither id nor container", "[api]") {
    Keeper keeper{{one("", "launching", 0, 100)}, ""};
    keeper.kept[0].container.clear();
    const auto page = json::parse(api::list_instances(keeper.view(), "f").body);
    CHECK(page["instances"][0]["id"].is_null());
    CHECK(page["instances"][0]["container"].is_null());
}

TEST_CASE("an idle instance is retired at once, a leased one when it is through", "[api]") {
    Keeper keeper{{one("a", "idle", 0, 1), one("b", "leased", 1, 2)}, ""};
    const auto idle = api::retire_instance(keeper.view(), "f", "a").value();
    CHECK(idle.status == 204);
    CHECK(idle.body.empty());
    const auto leased = api::retire_instance(keeper.view(), "f", "b").value();
    CHECK(leased.status == 202);
    CHECK(json::parse(leased.body)["state"] == "retiring");
}

TEST_CASE("retiring an instance that is not there is not_found", "[api]") {
    Keeper keeper{{one("a", "idle", 0, 1)}, ""};
    const auto missing = api::retire_instance(keeper.view(), "f", "b");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().fault == base::Fault::not_found);
    CHECK(keeper.kept.size() == 1);
    CHECK_FALSE(api::retire_instance({}, "f", "a"));
    CHECK(json::parse(api::list_instances({}, "f").body)["instances"].empty());
}
