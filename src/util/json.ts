/** What JSON can hold. Objects are typed by aliases (`type`): TypeScript takes no `interface` for an index signature. */

type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export type JsonObject = { readonly [name: string]: Json };
