/**
 * The words in which the parts of the codec speak about functions and what they capture.
 */

/**
 * An export of a module that the receiver imports: `name` "*" is the namespace itself, "=" CommonJS's `module.exports`, and "=.a.b" what
 * is in its export `a` under the key "b", see {@link wayTo}.
 */
export class ImportRef {
  readonly specifier: string;
  /** URL or path of the module whose `import` it is; '' when the specifier is absolute or built in. */
  readonly parent: string;
  readonly name: string;
  /** `with { type }`. */
  readonly type: string;
  /** Whether it was loaded by `require`, so that the receiver must do the same. */
  readonly commonjs: boolean;

  constructor(specifier: string, parent: string, name: string, type = '', commonjs = false) {
    this.specifier = specifier;
    this.parent = parent;
    this.name = name;
    this.type = type;
    this.commonjs = commonjs;
  }
}

/** The name of what is found behind these keys, the first of which is an export. */
export function wayTo(keys: readonly string[]): string {
  return ['=', ...keys].join('.');
}

/** The keys of which {@link wayTo} made a name; undefined for another. */
export function keysOf(name: string): readonly string[] | undefined {
  return name === '=' || name.startsWith('=.') ? name.split('.').slice(1) : undefined;
}

/** CommonJS's `require` of a file. */
export class RequireRef {
  readonly file: string;
  constructor(file: string) {
    this.file = file;
  }
}

/** `import.meta` of a module. */
export class MetaRef {
  readonly url: string;
  constructor(url: string) {
    this.url = url;
  }
}

/** `import()` of a module. */
export class ImporterRef {
  readonly parent: string;
  constructor(parent: string) {
    this.parent = parent;
  }
}

/** What a transpiler wraps around a `require`: `__toESM(require("fs"), 1)`. */
export class WrappedRef {
  readonly wrapper: unknown;
  readonly inner: ImportRef;
  readonly rest: readonly unknown[];
  /** Properties taken of the outcome. */
  readonly path: readonly string[];
  constructor(wrapper: unknown, inner: ImportRef, rest: readonly unknown[], path: readonly string[]) {
    this.wrapper = wrapper;
    this.inner = inner;
    this.rest = rest;
    this.path = path;
  }
}

/** The text of a function, with all that is needed to evaluate it elsewhere. One per place in a script. */
export interface Code {
  /** Origin and number: the same in every process that it reaches. */
  readonly key: string;
  /** Evaluates to the factory, see `revive.ts`. */
  readonly text: string;
  /** As the stack traces of its home name it. */
  readonly filename: string;
  readonly lineOffset: number;
  readonly columnOffset: number;
  /** How the function stands in what the factory gives: itself, or as a member `m` of an object. */
  readonly member: '' | 'value' | 'get' | 'set';
  /** Variables that a class needs to be evaluated at all: its heritage, computed keys. */
  readonly eager: readonly string[];
  /** Variables that are set once the function exists, so that cycles are possible. */
  readonly late: readonly string[];
  readonly isClass: boolean;
  /** Whether evaluating it may run code of others: of what its computed keys name, or its static private fields. */
  readonly runs: boolean;
  /** `data:` URL or path, where the script was compiled from another language. */
  readonly sourceMap: string;
}

/** A function or class that travels as code. One per function object. */
export interface FnRecord {
  readonly origin: string;
  readonly number: number;
  /** `origin:number`. */
  readonly key: string;
  readonly code: Code;
  /** No variable that it captures is ever reassigned. */
  readonly constant: boolean;
  /** As the user calls them, for errors; like `eager()` and `late()`. */
  readonly eagerNames: readonly string[];
  readonly lateNames: readonly string[];
  /** What its source needs to be evaluated, now: values of `code.eager`. */
  eager(): unknown[];
  /** Values of `code.late`, now. */
  late(): unknown[];
  /** Whether reading them takes no more than microseconds. */
  isQuick(): boolean;
  /** Where those of them are that may change; undefined while they are not seen live. */
  places(): readonly Place[] | undefined;
}

/** Where a captured variable is to be looked up. */
export interface Place {
  /** Of the variable among `code.eager` and `code.late`. */
  readonly index: number;
  readonly name: string;
  readonly scope: Readonly<Record<string, unknown>>;
}

// biome-ignore lint/complexity/noBannedTypes: any callable or class at all is meant
export type Fn = Function;

/** How a function travels. */
export type Plan =
  | { readonly kind: 'builtin'; readonly path: string }
  | { readonly kind: 'import'; readonly ref: ImportRef }
  | { readonly kind: 'own'; readonly name: string }
  | { readonly kind: 'require'; readonly file: string }
  | { readonly kind: 'bound'; readonly target: Fn; readonly self: unknown; readonly args: readonly unknown[] }
  | { readonly kind: 'code'; readonly record: FnRecord };
