// SPDX-License-Identifier: Apache-2.0
// Receives webhooks signed as standardwebhooks.com says: HMAC-SHA256 of "ID.TIME.BODY" in base64, with a secret that both sides know.
import { createHmac, timingSafeEqual } from 'node:crypto';

const SECRET = process.env.WEBHOOK_SECRET;
const WINDOW = 300; // seconds that a message may be old, or that clocks may differ
const MOST = 10000; // messages that are remembered
if (!SECRET || SECRET.length < 16) throw new Error('WEBHOOK_SECRET is missing or shorter than 16 characters');

const received = new Map(); // id → the second from which its time alone refuses it

export default { fetch: receive };

async function receive(request) {
  if (request.method !== 'POST') return answer(405, { error: 'send a webhook with POST' }, { Allow: 'POST' });
  const [id, time, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => request.headers.get(name) || '');
  if (!/^[\w.-]{1,100}$/.test(id) || !/^\d{1,12}$/.test(time) || !signatures) {
    return answer(400, { error: 'webhook-id, webhook-timestamp and webhook-signature are needed' });
  }
  // The bytes as they came: JSON that was read and written again would have another signature.
  const body = Buffer.from(await request.arrayBuffer());
  if (!signed(signatures, id, time, body)) return answer(401, { error: 'the signature is not right' });

  const now = Date.now() / 1000;
  if (Math.abs(now - Number(time)) > WINDOW) return answer(401, { error: `the message is not of the last ${WINDOW} seconds` });
  forget(now);
  if (received.has(id)) return answer(200, { received: id, again: true });
  if (received.size >= MOST) return answer(503, { error: 'too many messages' }, { 'Retry-After': '60' });

  let event;
  try {
    event = JSON.parse(body);
  } catch {
    return answer(400, { error: 'the body is not JSON' });
  }
  received.set(id, Number(time) + WINDOW);
  return answer(200, { received: id, type: handle(id, event) });
}

/** One signature of the list is enough: there are two while a secret is replaced. */
function signed(signatures, id, time, body) {
  const right = createHmac('sha256', SECRET).update(`${id}.${time}.`).update(body).digest();
  return signatures.split(' ').slice(0, 8).some((one) => {
    const given = Buffer.from(one.startsWith('v1,') ? one.slice(3) : '', 'base64');
    return given.length === right.length && timingSafeEqual(given, right);
  });
}

function forget(now) {
  for (const [id, until] of received) if (until < now) received.delete(id);
}

/** What is done with a message that is genuine and new. */
function handle(id, event) {
  console.log(`${id}: ${JSON.stringify(event?.type ?? null)}`);
  return event?.type ?? null;
}

function answer(status, value, headers = {}) {
  return new Response(`${JSON.stringify(value)}\n`, { status, headers: { 'Content-Type': 'application/json', ...headers } });
}
