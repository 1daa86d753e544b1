// SPDX-License-Identifier: Apache-2.0

// The temporary directory of the shim's sandbox.
#include "component/shim/sandbox.cpp"
