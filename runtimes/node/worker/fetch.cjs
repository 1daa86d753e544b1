// SPDX-License-Identifier: Apache-2.0
// Serves functions of the web's own kind: a Request in, a Response out.
'use strict';
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');

const FAILED = 'the function has failed; its log says why\n';

function requestOf(req) {
  const scheme = req.headers['x-forwarded-proto'] || 'http';
  const headers = new Headers();
  for (let i = 0; i < req.rawHeaders.length; i += 2) headers.append(req.rawHeaders[i], req.rawHeaders[i + 1]);
  const body = req.method === 'GET' || req.method === 'HEAD' ? undefined : Readable.toWeb(req);
  return new Request(`${scheme}://${req.headers.host || 'localhost'}${req.url}`, { method: req.method, headers, body, duplex: 'half' });
}

async function sendResponse(response, res) {
  const headers = {};
  for (const [name, value] of response.headers) if (name !== 'set-cookie') headers[name] = value;
  // Older versions join several; a comma inside a date is not before a name and `=`.
  const joined = response.headers.get('set-cookie');
  const cookies = response.headers.getSetCookie ? response.headers.getSetCookie() : joined ? joined.split(/, (?=[^;,=\s]+=)/) : [];
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  res.writeHead(response.status, response.statusText || undefined, headers);
  if (response.body === null) res.end();
  else await pipeline(Readable.fromWeb(response.body), res);
}

/** What a caller gets when the code throws: short words, and the stack goes to the log. */
function failed(error, res) {
  if (error && error.code === 'ERR_STREAM_PREMATURE_CLOSE' && res.destroyed) return; // the caller has gone
  console.error(error);
  if (res.headersSent) {
    res.destroy();
    return;
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(FAILED) });
  res.end(FAILED);
}

function fetchServer(fetch) {
  return async (req, res) => {
    try {
      const response = await fetch(requestOf(req), process.env, { waitUntil() {}, passThroughOnException() {} });
      if (!(response instanceof Response)) throw new TypeError(`a Response was expected, not ${typeof response}`);
      await sendResponse(response, res);
    } catch (error) {
      failed(error, res);
    }
  };
}

module.exports = { fetchServer, sendResponse, failed, FAILED };
