// SPDX-License-Identifier: Apache-2.0
#include "contract/cgi_driver.h"
#include "contract/fcgi_driver.h"
#include "contract/http_driver.h"

#include <shallop/contract/driver.h>

namespace shallop::contract {

std::unique_ptr<Driver> make_driver(Surroundings around) {
    switch (around.function->spec.contract.kind) {
        case function::ContractKind::http:
            return std::make_unique<HttpDriver>(std::move(around));
        case function::ContractKind::fcgi:
            return std::make_unique<FcgiDriver>(std::move(around));
        case function::ContractKind::cgi:
            break;
    }
    return std::make_unique<CgiDriver>(std::move(around));
}

}  // namespace shallop::contract
