/** How a user names weights on the Hugging Face hub. */
import { UserError } from '../util/errors.ts';

export interface HubName {
  /** `owner/name` */
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** A file of the repository, where it is not the usual one. */
  readonly file?: string;
}

const FORM = /^hf:([\w-][\w.-]*\/[\w.-]+)((?:\/[\w.+-]+)*?)(?:@([\w.-]+))?$/;

/**
 * `hf:owner/name`, `hf:owner/name@revision`, `hf:owner/name/path/to/file.safetensors@revision`; of the owner timm also
 * without `hf:`. Undefined when `spec` is of no such form.
 * @throws UserError HUB_NAME for what begins with `hf:` and is no such name
 */
export function parseHubName(spec: string): HubName | undefined {
  const full = /^timm\/[\w.-]+(@[\w.-]+)?$/.test(spec) ? `hf:${spec}` : spec;
  if (!full.startsWith('hf:')) return undefined;
  const found = FORM.exec(full);
  const parts = found?.[1].split('/').concat(found[2].split('/'), found[3] ?? '') ?? ['..'];
  if (!found || parts.some((part) => /^\.+$/.test(part))) {
    throw new UserError(
      'HUB_NAME',
      `"${spec}" names nothing on the Hugging Face hub.`,
      'Write hf:owner/name, for example hf:timm/resnet50.tv_in1k; @revision and /file may follow.',
    );
  }
  const [, repository, file, revision = 'main'] = found;
  return { repository, revision, ...(file && { file: file.slice(1) }) };
}
