/** A real browser for pages that the program writes; tests that need it are skipped where it is not installed. */
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { describe } from 'vitest';

const CHROMIUM = '/usr/bin/chromium';
const installed = existsSync(CHROMIUM);
/** Milliseconds that one action of the browser may take on a machine that is busy. */
const PATIENCE = 120_000;

/** `describe` for tests that open a browser; prints why when it skips. */
export function describeBrowser(name: string, body: () => void): void {
  if (!installed) console.warn(`skipped: "${name}" needs ${CHROMIUM}, which is absent`);
  describe.skipIf(!installed)(name, body);
}

/** Opens a page from disk, in a window of its own that the caller closes. */
export async function openPage(
  browser: Browser,
  path: string,
  options: BrowserContextOptions,
): Promise<Page> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const tab = await context.newPage();
  await tab.goto(pathToFileURL(path).href);
  return tab;
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
}

/** Opens a page from disk and every block of it, and says what went wrong. `width` is that of the window. */
export async function visit(browser: Browser, path: string, width: number) {
  const url = pathToFileURL(path).href;
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  context.setDefaultTimeout(PATIENCE);
  const tab = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  tab.on('console', (message) => complaints.push(message.text()));
  tab.on('pageerror', (error) => complaints.push(error.message));
  tab.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`));
  tab.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) requests.push(request.url());
  });
  await tab.goto(url);
  await tab.evaluate('for (const block of document.querySelectorAll("details")) block.open = true');
  const scrollWidth = await tab.evaluate<number>('document.documentElement.scrollWidth');
  const heading = await tab.evaluate<string>('document.querySelector("h1").textContent');
  const pictures = await tab.evaluate<number>('document.images.length');
  const brokenPictures = await tab.evaluate<number>(
    '[...document.images].filter((image) => !image.complete || image.naturalWidth === 0).length',
  );
  await context.close();
  return { complaints, requests, scrollWidth, heading, pictures, brokenPictures };
}
