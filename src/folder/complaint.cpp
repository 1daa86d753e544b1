// SPDX-License-Identifier: Apache-2.0
#include <shallop/folder/complaint.h>

#include <stdexcept>

namespace shallop::folder {

void throw_exception_from_error(const Complaint& complaint, const boost::source_location& where) {
    throw std::logic_error("unchecked complaint: " + complaint.what + " at " + where.to_string());
}

}  // namespace shallop::folder
