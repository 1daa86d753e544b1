// SPDX-License-Identifier: Apache-2.0
#include "contract/cgi_driver.h"
#include "contract/http_driver.h"

#include <shallop/contract/driver.h>

namespace shallop::contract {

std::unique_ptr<Driver> make_driver(Surroundings around) {
    if (around.function->spec.contract.kind == function::ContractKind::http)
        return std::make_unique<HttpDriver>(std::move(around));
    return std::make_unique<CgiDriver>(std::move(around));
}

}  // namespace shallop::contract
