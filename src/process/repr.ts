/** What `console.log` prints for a process object: Python's `repr`, word for word. */
import os from 'node:os';

let names: Map<number, string> | undefined;

/** `-SIGTERM` for -15, as in Python's repr. */
export function exitName(code: number): string {
  if (code >= 0) return String(code);
  names ??= new Map(
    Object.entries(os.constants.signals)
      .map(([name, number]) => [number, name] as const)
      .reverse(),
  );
  return `-${names.get(-code) ?? -code}`;
}

/** Python's `repr` of a string, near enough for names: single quotes unless it holds one. */
export function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return `${quote}${quote === "'" ? escaped.replaceAll("'", "\\'") : escaped}${quote}`;
}

/** The parts of {@link processRepr}. */
export interface ProcessView {
  readonly className: string;
  readonly name: string;
  readonly pid: number | null;
  readonly parentPid: number | null;
  readonly status: 'initial' | 'started' | 'stopped' | 'closed' | 'unknown';
  readonly exitcode: number | null;
  readonly daemon: boolean;
}

/** `<Process name='Process-1' pid=15176 parent=14036 started>` */
export function processRepr(view: ProcessView): string {
  const parts = [view.className, `name=${quoted(view.name)}`];
  if (view.pid !== null) parts.push(`pid=${view.pid}`);
  parts.push(`parent=${view.parentPid ?? 'None'}`, view.status);
  if (view.exitcode !== null) parts.push(`exitcode=${exitName(view.exitcode)}`);
  if (view.daemon) parts.push('daemon');
  return `<${parts.join(' ')}>`;
}
