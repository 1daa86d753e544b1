<?php
// SPDX-License-Identifier: Apache-2.0
// The request has been answered.
