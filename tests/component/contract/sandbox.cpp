// SPDX-License-Identifier: Apache-2.0

// The sandbox of the shim, for the programs of these tests.
#include "component/shim/sandbox.cpp"
