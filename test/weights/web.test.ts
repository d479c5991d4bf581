/** Files at addresses of the web: each is the one of its address, whole and of one version, or not there at all. */
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isDownloaded, webFile } from '../../src/weights/web.ts';
import { refusalOf } from '../refusal.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const SIZE = 1000;
const [FIRST, SECOND] = [65, 66].map((byte) => Buffer.alloc(SIZE, byte));
const EARLIER = 'Wed, 01 Jan 2020 00:00:00 GMT';
const LATER = 'Thu, 02 Jan 2020 00:00:00 GMT';

const answers = new Map<string, Answer>();
let server: Server;
let origin: string;
let cacheFolder: string;

beforeAll(async () => {
  server = createServer((request, response) => answers.get(request.url ?? '')!(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'web-cache-'));
});
afterEach(() => rm(cacheFolder, { recursive: true }));

const fetched = (path: string) => webFile(origin + path, { cacheFolder, pause: 1, patience: 500 });
const refusal = (path: string) => refusalOf(fetched(path));
const contentOf = async (path: string) => (await readFile((await fetched(path)).path)).toString('latin1');

/** A file with these headers, which GET sends as a whole. */
const whole =
  (
    content: Buffer,
    headers: Record<string, string | number> = { 'content-length': content.length },
  ): Answer =>
  ({ method }, response) => {
    response.writeHead(200, headers);
    response.end(method === 'HEAD' ? undefined : content);
  };

const redirect =
  (location: string): Answer =>
  (_, response) =>
    response.writeHead(302, { location, 'content-length': 7 }).end('a page\n');

test('files of one name at different addresses are kept apart', async () => {
  answers.set('/a/model.pth', whole(FIRST)).set('/b/model.pth', whole(SECOND));
  expect(await contentOf('/a/model.pth')).toBe(FIRST.toString('latin1'));
  expect(isDownloaded(cacheFolder, `${origin}/a/model.pth`)).toBe(true);
  expect(isDownloaded(cacheFolder, `${origin}/b/model.pth`)).toBe(false);
  expect(await contentOf('/b/model.pth')).toBe(SECOND.toString('latin1'));
});

test('an address without a host', async () => {
  const error = await refusalOf(webFile('https://', { cacheFolder }));
  expect(error.code).toBe('DOWNLOAD_ADDRESS');
  expect(error.message).toContain('https://');
});

describe('the length', () => {
  test.each([
    ['is not said', {}, 'does not say how long'],
    ['is nothing', { 'content-length': 0 }, 'has 0 bytes'],
  ])('%s, also behind a redirect with a page of its own', async (_, headers, said) => {
    const empty: Answer = (_request, response) => response.writeHead(200, headers).end();
    answers.set('/model.pth', empty).set('/redirected.pth', redirect('/model.pth'));
    for (const path of ['/model.pth', '/redirected.pth']) {
      const error = await refusal(path);
      expect(error.code).toBe('DOWNLOAD_LENGTH');
      expect(error.message).toContain(said);
      expect(isDownloaded(cacheFolder, origin + path)).toBe(false);
    }
  });

  test('is that of the file, not that of a redirect', async () => {
    answers.set('/model.pth', whole(FIRST)).set('/redirected.pth', redirect('/model.pth'));
    expect(await contentOf('/redirected.pth')).toBe(FIRST.toString('latin1'));
  });
});

/** A server whose file changes, and which cuts connections. */
class Changing {
  content = FIRST;
  headers: Record<string, string> = {};
  /** Sends the second half of another version without looking at If-Range. */
  careless = false;
  /** How many bytes arrive before the connection is cut, from the first request of content on. */
  cuts: number[] = [];
  /** Called when a connection was cut. */
  onCut = () => {};
  readonly asked: { range?: string; ifRange?: string | string[] }[] = [];

  readonly answer: Answer = ({ method, headers }, response) => {
    const { range, 'if-range': ifRange } = headers;
    if (method === 'HEAD') {
      response.writeHead(200, { ...this.headers, 'content-length': this.content.length }).end();
      return;
    }
    this.asked.push({ ...(range && { range }), ...(ifRange && { ifRange }) });
    const matches = ifRange === undefined || Object.values(this.headers).includes(String(ifRange));
    const start = range && (matches || this.careless) ? Number(/\d+/.exec(range)![0]) : 0;
    const { length } = this.content;
    response.writeHead(start > 0 ? 206 : 200, {
      ...this.headers,
      'content-length': length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${length - 1}/${length}` }),
    });
    const cut = this.cuts.shift();
    const body = this.content.subarray(start);
    if (cut === undefined) response.end(body);
    else {
      response.write(body.subarray(0, cut), () => response.socket?.end());
      this.onCut();
    }
  };
}

describe('a download that was cut off', () => {
  const ETAGS = [{ etag: '"v1"' }, { etag: '"v2"' }];
  const DATES = [{ 'last-modified': EARLIER }, { 'last-modified': LATER }];
  let changing: Changing;
  beforeEach(() => {
    changing = new Changing();
    answers.set('/model.pth', changing.answer);
  });
  /** Half of the file arrives, then nothing until attempts are given up. */
  const interrupt = async () => {
    changing.cuts = [SIZE / 2, 0, 0, 0, 0, 0];
    expect((await refusal('/model.pth')).code).toBe('DOWNLOAD_CUT');
    changing.cuts = [];
    changing.asked.length = 0;
  };

  test.each([
    ['ETag', ETAGS[0], '"v1"'],
    ['date', DATES[0], EARLIER],
  ])('goes on where it ended when its %s is the same', async (_, headers, ifRange) => {
    changing.headers = headers;
    await interrupt();
    expect(await contentOf('/model.pth')).toBe(FIRST.toString('latin1'));
    expect(changing.asked).toEqual([{ range: `bytes=${SIZE / 2}-`, ifRange }]);
    expect(readdirSync(join(cacheFolder, 'downloads'), { recursive: true })).toHaveLength(2);
  });

  test.each([
    ['ETag', ETAGS],
    ['date', DATES],
    ['no sign of it', [{}, {}]],
    ['a weak ETag', [{ etag: 'W/"v1"' }, { etag: 'W/"v1"' }]],
    ['the date of this moment', [0, 0].map(() => ({ 'last-modified': new Date().toUTCString() }))],
  ])('begins anew when the file has changed since: %s', async (_, [before, after]) => {
    [changing.headers, changing.careless] = [before, true];
    await interrupt();
    [changing.headers, changing.content] = [after, SECOND];
    expect(await contentOf('/model.pth')).toBe(SECOND.toString('latin1'));
    expect(changing.asked).toEqual([{}]);
  });

  test.each([
    ['a server that looks at If-Range', ETAGS, false],
    ['one that does not', ETAGS, true],
    ['one that does not, by date', DATES, true],
  ])('is refused when the file changes in between: %s', async (_, [before, after], careless) => {
    Object.assign(changing, { headers: before, careless, cuts: [SIZE / 2] });
    changing.onCut = () => Object.assign(changing, { headers: after, content: SECOND });
    expect((await refusal('/model.pth')).code).toBe('DOWNLOAD_CHANGED');
    expect(isDownloaded(cacheFolder, `${origin}/model.pth`)).toBe(false);
    // What arrived of the first version is not taken for the second.
    expect(await contentOf('/model.pth')).toBe(SECOND.toString('latin1'));
  });

  test('is refused when the rest is of a file of another length', async () => {
    Object.assign(changing, { headers: ETAGS[0], cuts: [SIZE / 2] });
    changing.onCut = () => Object.assign(changing, { content: Buffer.alloc(SIZE + 100, 66) });
    expect((await refusal('/model.pth')).code).toBe('DOWNLOAD_CHANGED');
  });
});
