<?php
// SPDX-License-Identifier: Apache-2.0
?>
<h1>Ports of call</h1>
<a href="ports/list">all</a>
