/** What the inspector is asked for. */
import { Session } from 'node:inspector';

/** The commands that it is given meanwhile, by anybody in this thread. */
export function questions(work: () => void): unknown[] {
  const { post } = Session.prototype;
  const asked: unknown[] = [];
  Session.prototype.post = function (this: Session, ...args: unknown[]) {
    asked.push(args[0]);
    return Reflect.apply(post, this, args);
  } as typeof post;
  try {
    work();
  } finally {
    Session.prototype.post = post;
  }
  return asked;
}
