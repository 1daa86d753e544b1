// SPDX-License-Identifier: Apache-2.0
// An Express application that listens on a port, as they all do; the port is never opened.
const express = require('express');

const app = express();
app.use(express.json());
app.get('/', (request, response) => response.send('ahoy\n'));
app.post('/sum', (request, response) => response.json({ sum: request.body.reduce((a, b) => a + b, 0) }));

app.listen(3000, () => console.log('listening'));
