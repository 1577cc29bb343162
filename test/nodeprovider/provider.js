// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// An OpenID provider on 127.0.0.1 over TLS: npm's oidc-provider, with people of a JSON file and pages for their browsers. The modules
// are elsewhere: node provider.js FOLDER-WITH-NODE_MODULES CONFIG.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const config = JSON.parse(readFileSync(file, 'utf8'));
const { default: Provider } = await import(pathToFileURL(createRequire(`${folder}/`).resolve('oidc-provider')));

const person = (name) => config.people.find((one) => one.name === name);
const secret = () => randomBytes(32).toString('base64url');

const provider = new Provider(`https://127.0.0.1:${config.port}`, {
  clients: [{
    client_id: config.clientID,
    application_type: 'native', // any port of the loopback
    token_endpoint_auth_method: 'none', // and PKCE instead
    redirect_uris: [`http://127.0.0.1${config.callbackPath}`],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  }],
  jwks: { keys: [config.signingKey] },
  cookies: { keys: [secret()] },
  claims: { openid: ['sub', 'amr'], profile: ['preferred_username'] },
  // As the protocol has it, claims of scopes are not in ID tokens but at another address. Rollcall, like Kubernetes, reads ID tokens.
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, name) => person(name) && {
    accountId: name,
    claims: () => ({ sub: name, preferred_username: name }),
  },
});

const fields = {
  login: '<label>Name <input id="username" name="username"></label> '
    + '<label>Password <input id="password" name="password" type="password"></label> <button id="login">Log in</button>',
  consent: '<p>An application wants to know who you are.</p><button id="consent">Allow</button>',
  offline: '<p>An application wants to ask about you while you are away.</p><button id="offline">Allow</button>',
};

function show(response, form, problem = '') {
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(`<!doctype html><title>${form}</title><p id="problem">${problem}</p><form method="post">${fields[form]}</form>`);
}

async function body(request) {
  let text = '';
  for await (const part of request) text += part;
  return new URLSearchParams(text);
}

// allow gives the application what it asks for.
async function allow({ params, session }) {
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return { consent: { grantId: await grant.save() } };
}

// interact is what a person does between the question of an application and its answer.
async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  const { name } = details.prompt;
  // The provider leaves offline_access out where it was not told to ask for consent.
  const offline = name === 'consent' && details.params.scope.split(' ').includes('offline_access');
  if (request.method !== 'POST') return show(response, offline ? 'offline' : name);
  if (name === 'consent') return provider.interactionFinished(request, response, await allow(details), { mergeWithLastSubmission: true });
  const form = await body(request);
  const found = person(form.get('username'));
  if (!found || found.password !== form.get('password')) return show(response, name, 'No such name and password.');
  return provider.interactionFinished(request, response, { login: { accountId: found.name, amr: ['pwd'] } });
}

const protocol = provider.callback();
createServer({ cert: config.cert, key: config.key }, (request, response) => {
  if (!request.url.startsWith('/interaction/')) return protocol(request, response);
  return interact(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
}).listen(config.port, '127.0.0.1');
