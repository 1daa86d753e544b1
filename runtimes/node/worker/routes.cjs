// SPDX-License-Identifier: Apache-2.0
// The routes that an application knows itself, in Shallop's patterns.
'use strict';

/** Express: [{path: "/a/{id}", methods: ["GET"]}]; [] where the application cannot tell. */
function routesOf(target) {
  const stack = target && (target._router || target.router)?.stack;
  if (!Array.isArray(stack)) return [];
  const found = [];
  for (const layer of stack) {
    const route = layer.route;
    if (!route || typeof route.path !== 'string' || /[*()?+]/.test(route.path)) continue;
    const methods = Object.keys(route.methods).filter((name) => name !== '_all').map((name) => name.toUpperCase());
    found.push({ path: route.path.replace(/:(\w+)/g, '{$1}'), methods });
  }
  return found;
}

module.exports = { routesOf };
