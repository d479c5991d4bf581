/** Names of files of what a user named: none is written over another. */
import { expect, test } from 'vitest';
import { fileName, fileNames } from '../../src/cli/file-name.ts';

test('letters of any script stay, and what a path could be made of does not', () => {
  expect(fileName('Büsche 草/../x\\y:z')).toBe('Büsche-草-..-x-y-z');
});

test('names that would be one file are numbered, also where case does not count', () => {
  expect(fileNames(['a+b', 'a-b', 'A b', 'a-b-2', 'c'])).toEqual(['a-b', 'a-b-2', 'A-b-3', 'a-b-2-2', 'c']);
});
