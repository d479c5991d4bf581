/** Names of archives' entries, whose bytes seldom say how they are encoded. No byte is lost: names that differ stay apart. */

/** UTF-8, or Latin-1 where the bytes are no UTF-8. */
export const decodeName = (bytes: Uint8Array): string =>
  fromUtf8(bytes) ?? Buffer.from(bytes).toString('latin1');

/**
 * The name of an entry of a zip archive: UTF-8, which many write without saying so; else code page 437, as PKWARE's
 * APPNOTE.TXT (appendix D) has it, unless the name claims to be UTF-8.
 */
export const decodeZipName = (bytes: Uint8Array, claimsUtf8: boolean): string =>
  fromUtf8(bytes) ?? (claimsUtf8 ? decodeName(bytes) : fromCodePage437(bytes));

function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The characters of the bytes from 128 on. */
const CODE_PAGE_437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

const fromCodePage437 = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : CODE_PAGE_437[byte - 128])).join('');
