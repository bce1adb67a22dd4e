/** What crosses to another process: values, functions, shared handles. */
export { decode, decodeAsync, decodeData, decodeWork, isData } from './decode.ts';
export { setLibraryLoader } from './decoder.ts';
export {
  type EncodedFunction,
  type EncodeOptions,
  encode,
  encodeCall,
  encodeFunction,
  encodeLent,
  encodeList,
  type Lent,
  sendFirst,
  sendOnce,
} from './encode.ts';
export { type KeyList, keyListOf, type NumberedKeys } from './key-lists.ts';
export { addMain, mainUrls } from './main.ts';
export { type FunctionReference, isReference, resolveReference } from './references.ts';
export { joinStacks } from './stacks.ts';
