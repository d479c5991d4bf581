/**
 * HTTP requests as downloads need them: redirects followed one by one, only by TLS except on this machine, a secret sent
 * to no other host than the first, and connections that go silent given up.
 */
import { type IncomingHttpHeaders, type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { UserError } from '../util/errors.ts';
import { VERSION } from '../util/version.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the host of the first URL only. */
  readonly authorization?: string;
  /** Milliseconds without a byte after which the connection is given up. */
  readonly patience?: number;
  /** A redirect that has this header is answer enough: where it leads may refuse to be asked without the content. */
  readonly enough?: string;
}

interface HttpResponse {
  /** Of the last response; headers of redirects before it fill in what it lacks, but for those of their own content. */
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** A response that says no. */
export class HttpRefusal extends Error {
  constructor(
    readonly status: number,
    readonly headers: IncomingHttpHeaders,
    readonly url: URL,
  ) {
    super(`${url.host} answers ${status}`);
  }
}

/** What headers say of the content that comes with them, which is not that of where a redirect leads. */
const OF_CONTENT = ['content-length', 'content-range', 'etag', 'last-modified'];
const MOST_REDIRECTS = 8;
const PATIENCE = 60_000;

/**
 * Asks and follows redirects.
 * @throws HttpRefusal for a status other than 2xx, UserError HTTP_INSECURE or HTTP_REDIRECTS, and the errors of Node's
 *   connections
 */
export async function request(url: URL, options: HttpRequest): Promise<HttpResponse> {
  let [at, collected]: [URL, IncomingHttpHeaders] = [url, {}];
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    requireSecure(at, url);
    const message = await ask(at, options, at.host === url.host);
    const { statusCode: status = 0, headers } = message;
    collected = { ...collected, ...headers };
    const redirected = [301, 302, 303, 307, 308].includes(status) && headers.location;
    const enough = redirected && options.enough !== undefined && options.enough in headers;
    if (!redirected || enough) {
      if (enough || (status >= 200 && status < 300)) return { headers: collected, body: message };
      message.destroy();
      throw new HttpRefusal(status, headers, at);
    }
    message.resume();
    for (const name of OF_CONTENT) delete collected[name];
    at = new URL(redirected, at);
  }
  throw new UserError(
    'HTTP_REDIRECTS',
    `${url.href} is redirected more than ${MOST_REDIRECTS} times.`,
    'Check the address and HF_ENDPOINT.',
  );
}

/** The last word on secrets and content is TLS; a server on this machine, such as a mirror or a test, needs none. */
function requireSecure(url: URL, first: URL): void {
  const local = ['127.0.0.1', '[::1]', 'localhost'];
  if (url.protocol === 'https:') return;
  if (url.protocol === 'http:' && local.includes(url.hostname) && local.includes(first.hostname)) return;
  throw new UserError(
    'HTTP_INSECURE',
    `${url.origin} is no https address.`,
    'Downloads are made by https; http is taken only from this machine itself.',
  );
}

function ask(url: URL, options: HttpRequest, isFirstHost: boolean): Promise<IncomingMessage> {
  const { method, headers, authorization, patience = PATIENCE } = options;
  const secret = authorization !== undefined && isFirstHost ? { authorization } : {};
  const make = url.protocol === 'https:' ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const sent = make(url, {
      method,
      headers: {
        'user-agent': `transferlab/${VERSION}`,
        'accept-encoding': 'identity',
        ...headers,
        ...secret,
      },
      timeout: patience,
    });
    sent.on('timeout', () => sent.destroy(new Error(`${url.host} was silent for ${patience / 1000} s`)));
    sent.on('response', resolve);
    sent.on('error', reject);
    sent.end();
  });
}
