<?php
// SPDX-License-Identifier: Apache-2.0
// What php-fpm runs for every request; nothing of it is left in the function's variables. The code is included here, in the global scope.
include Shallop\prepare();
