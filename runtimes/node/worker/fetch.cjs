// SPDX-License-Identifier: Apache-2.0
// Serves functions of the web's own kind: a Request in, a Response out.
'use strict';
const { once } = require('node:events');
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

/** Calls begin() and streams, both from the first piece on (or the end): what fails before it can still be answered with a 500. */
async function stream(source, res, begin) {
  await Promise.race([once(source, 'readable'), once(res, 'close')]);
  begin();
  await pipeline(source, res);
}

async function sendResponse(response, res) {
  const headers = {};
  for (const [name, value] of response.headers) if (name !== 'set-cookie') headers[name] = value;
  // Older versions join several; a comma inside a date is not before a name and `=`.
  const joined = response.headers.get('set-cookie');
  const cookies = response.headers.getSetCookie ? response.headers.getSetCookie() : joined ? joined.split(/, (?=[^;,=\s]+=)/) : [];
  if (cookies.length > 0) headers['set-cookie'] = cookies;
  const begin = () => res.writeHead(response.status, response.statusText || undefined, headers);
  if (response.body === null) begin().end();
  else await stream(Readable.fromWeb(response.body), res, begin);
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
  res.writeHead(500, 'Internal Server Error', { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(FAILED) });
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

module.exports = { fetchServer, sendResponse, stream, failed, FAILED };
