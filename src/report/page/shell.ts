/** What every page has around its parts: the head with its content security policy, and the document as JSON. */
import { html, jsonForScript, Markup } from '../markup.ts';

export interface PageShell {
  readonly document: { readonly kind: string; readonly version: number; readonly title: string };
  readonly style: string;
  readonly header: Markup;
  readonly main: Markup;
  /** The one script of the page, and the directive of the policy that allows it alone; without it none may run. */
  readonly script?: { readonly text: string; readonly policy: string };
}

/** The whole page as text. Its policy forbids every request, and every script but the one that it names by hash. */
export function pageText({ document, style, header, main, script }: PageShell): string {
  const directives = [
    "default-src 'none'",
    'img-src data:',
    "style-src 'unsafe-inline'",
    ...(script ? [script.policy] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ];
  const id = `${document.kind}-document`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${directives.join('; ')}">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${document.title} – transferlab</title>
<style>${new Markup(style)}</style>
</head>
<body>
${header}
<main>
${main}
</main>
<footer>Made by transferlab. The numbers of this page are embedded in it as JSON (element <code>${id}</code>), version ${document.version}.</footer>
<script type="application/json" id="${id}">${jsonForScript(document)}</script>${script ? html`\n<script>${new Markup(script.text)}</script>` : null}
</body>
</html>
`;
  return page.text;
}
