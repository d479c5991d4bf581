/** A server on this machine that speaks the hub's protocol, and fails in the ways that networks do when told to. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const COMMIT = 'c0ffee'.repeat(7).slice(0, 40);

/** What goes wrong, for how many requests of content. */
interface Trouble {
  /** The connection is cut behind so many bytes. */
  cutAfter?: number;
  /** Nothing more is sent behind so many bytes, and the connection stays. */
  silentAfter?: number;
  /** Content is answered with this status. */
  status?: number;
  ignoreRange?: boolean;
  /** Content is not what its checksum says. */
  damaged?: boolean;
  /** How often; else always. */
  times?: number;
}

export interface HubServer {
  readonly address: string;
  /** Files of repositories: `owner/name` -> file -> content. */
  readonly repositories: Map<string, Map<string, Uint8Array>>;
  trouble: Trouble;
  /** Status and error code with which a repository is refused. */
  readonly refused: Map<string, [status: number, code: string]>;
  /** `METHOD path range authorization`, of all requests. */
  readonly log: string[];
  close(): Promise<void>;
}

export async function startHubServer(): Promise<HubServer> {
  const state = {
    repositories: new Map<string, Map<string, Uint8Array>>(),
    refused: new Map<string, [number, string]>(),
    trouble: {} as Trouble,
    log: [] as string[],
  };
  const server = createServer((request, response) => answer(state, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(state, {
    address,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  });
}

type State = Omit<HubServer, 'address' | 'close'>;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const gitHash = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

function answer(state: State, request: IncomingMessage, response: ServerResponse): void {
  const { method, url = '', headers } = request;
  state.log.push([method, url, headers.range ?? '-', headers.authorization ?? '-'].join(' '));
  const [, kind, ...rest] = url.split('/');
  if (kind === 'content') {
    const content = find(state, rest.join('/'));
    if (content) send(state, request, response, content);
    else response.writeHead(404).end();
    return;
  }
  if (kind === 'plain') {
    response.end('a page');
    return;
  }
  // owner/name/resolve/revision/file...
  const found = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url);
  const [repository, revision, file] = found?.slice(1) ?? ['', '', ''];
  const refusal = refusalOf(state, repository, revision, file);
  if (refusal) {
    response.writeHead(refusal[0], { 'x-error-code': refusal[1] }).end();
    return;
  }
  redirect(response, `${repository}/${file}`, find(state, `${repository}/${file}`)!);
}

function refusalOf(
  { repositories, refused }: State,
  repository: string,
  revision: string,
  file: string,
): [number, string] | undefined {
  const files = repositories.get(repository);
  if (refused.has(repository)) return refused.get(repository);
  if (!files) return [401, 'RepoNotFound'];
  if (!['main', COMMIT].includes(revision)) return [404, 'RevisionNotFound'];
  return files.has(file) ? undefined : [404, 'EntryNotFound'];
}

function find({ repositories }: State, path: string): Uint8Array | undefined {
  const [owner, name, ...file] = path.split('/');
  return repositories.get(`${owner}/${name}`)?.get(file.join('/'));
}

/** Large files are elsewhere, and their headers tell size and SHA-256; small ones have the hash of git. */
function redirect(response: ServerResponse, path: string, content: Uint8Array): void {
  const isLarge = !path.endsWith('.json');
  response.writeHead(isLarge ? 302 : 307, {
    'x-repo-commit': COMMIT,
    location: `/content/${path}`,
    ...(isLarge && { 'x-linked-size': content.length, 'x-linked-etag': `"${sha256(content)}"` }),
  });
  response.end();
}

function send(state: State, request: IncomingMessage, response: ServerResponse, content: Uint8Array): void {
  const etag = `"${gitHash(content)}"`;
  if (request.method === 'HEAD') {
    response.writeHead(200, { etag, 'content-length': content.length }).end();
    return;
  }
  const trouble = takeTrouble(state);
  if (trouble.status) {
    response.writeHead(trouble.status).end();
    return;
  }
  const start = trouble.ignoreRange ? 0 : Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const body = Buffer.from(content.subarray(start));
  if (trouble.damaged) body[0] ^= 1;
  const range = `bytes ${start}-${content.length - 1}/${content.length}`;
  response.writeHead(start > 0 ? 206 : 200, {
    etag,
    'content-length': body.length,
    ...(start > 0 && { 'content-range': range }),
  });
  const part = trouble.cutAfter ?? trouble.silentAfter;
  if (part === undefined || part >= body.length) response.end(body);
  else response.write(body.subarray(0, part), () => trouble.cutAfter !== undefined && response.socket?.end());
}

function takeTrouble(state: State): Trouble {
  const { trouble } = state;
  if (trouble.times === undefined) return trouble;
  if (trouble.times === 0) return {};
  state.trouble = { ...trouble, times: trouble.times - 1 };
  return trouble;
}
