// SPDX-License-Identifier: Apache-2.0

// The room of the shim, for the programs of these tests.
#include "component/shim/room.cpp"
