// SPDX-License-Identifier: Apache-2.0

// What the stage of the component tests uses.
#include "component/shim/room.cpp"
