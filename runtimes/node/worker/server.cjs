// SPDX-License-Identifier: Apache-2.0
// The Node.js runtime of Shallop: listens without any code, gets it by one call, and serves it (docs/protocol.md, "Writing a runtime").
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const { load, LoadError } = require('./load.cjs');
const { routesOf } = require('./routes.cjs');

const SPECIALIZE = '/.shallop/specialize';
const path = process.env.SHALLOP_SOCKET || '/tmp/shallop.sock';
const listen = http.Server.prototype.listen; // what the function's code calls instead is in load.cjs

let loaded = null;
let refusal = 'this container has no code yet\n';

function text(res, status, words) {
  res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(words) });
  res.end(words);
}

function json(res, status, value) {
  const body = JSON.stringify(value);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

async function bodyOf(req) {
  const pieces = [];
  for await (const piece of req) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function specialize(req, res) {
  try {
    const said = JSON.parse(await bodyOf(req));
    if (said.protocol !== 1) throw new LoadError(`this runtime speaks protocol 1, not ${said.protocol}`);
    const found = await load({ code: '/code', entry: '', handler: '', env: {}, function: '', version: 0, ...said });
    loaded = found;
    const answer = { kind: loaded.kind, handler: loaded.handler };
    const routes = routesOf(loaded.target);
    if (routes.length > 0) answer.routes = routes;
    json(res, 200, answer);
  } catch (error) {
    const sentence = error instanceof LoadError ? error.message : String(error);
    const detail = (error instanceof LoadError ? error.detail : error && error.stack) || '';
    console.error(detail || sentence);
    refusal = `the code could not be loaded: ${sentence}\n`;
    json(res, 422, { error: sentence, detail });
  }
}

const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, connectionsCheckingInterval: 1 << 30 }, (req, res) => {
  if (loaded !== null) return loaded.serve(req, res);
  if (req.method === 'POST' && req.url === SPECIALIZE) return specialize(req, res);
  return text(res, 503, refusal);
});
server.on('upgrade', (req, socket, head) => {
  if (loaded !== null && loaded.server && loaded.server.listenerCount('upgrade') > 0) loaded.server.emit('upgrade', req, socket, head);
  else socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
});

// What Node loads at its first use, and what most functions begin with.
void new Response(new Request('http://localhost/', { method: 'POST', body: 'x' }).body, { headers: { a: 'b' } });
for (const name of ['node:url', 'node:path', 'node:crypto', 'node:zlib', 'node:stream/promises', 'node:util', 'node:https']) require(name);
require('/usr/share/nodejs/express')().get('/', () => {});

fs.rmSync(path, { force: true });
listen.call(server, { path, backlog: 1024, readableAll: true, writableAll: true });
