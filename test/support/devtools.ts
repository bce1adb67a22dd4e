/**
 * A debugger that attaches to a program over its port, as an editor does: it lets the program go on wherever it stops.
 *
 * A WebSocket by hand, since Node 20 has none without a flag. Commands are short; what the program sends may be of any length.
 */
import http from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/** The command to stop at exceptions, also at those that are caught. */
export const stopAtExceptions: Command = ['Debugger.setPauseOnExceptions', { state: 'all' }];

export type Command = readonly [method: string, params?: object];

/** The address of the first debugger's port that a program names on its standard error. */
export function portNamed(stderr: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stderr.on('data', (part: Buffer | string) => {
      text += String(part);
      const url = /listening on (ws:\S+)/.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}

/** Attaches, sends `commands` and lets the program run. @returns the reasons of its stops, once the program has come to its end. */
export async function debug(url: string, commands: readonly Command[]): Promise<readonly string[]> {
  const socket = await upgraded(url);
  let id = 0;
  const send = ([method, params = {}]: Command): void => {
    const text = Buffer.from(JSON.stringify({ id: ++id, method, params }));
    // Final, text; its length of 16 bits; masked by zeros.
    const head = Buffer.from([0x81, 0xfe, text.length >> 8, text.length & 255, 0, 0, 0, 0]);
    socket.write(Buffer.concat([head, text]));
  };
  const stops: string[] = [];
  let resuming: NodeJS.Timeout | undefined;
  // A program that has been told to run before it waits would wait for ever.
  const starting = setInterval(send, 500, ['Runtime.runIfWaitingForDebugger']);
  return new Promise((resolve) => {
    socket.on('close', () => {
      clearInterval(starting);
      clearInterval(resuming);
      resolve(stops);
    });
    socket.on('error', () => socket.destroy());
    onMessages(socket, (message) => {
      if (message.method === 'Debugger.paused') {
        clearInterval(starting);
        stops.push(message.params.reason);
        // Whoever is faster than any hand: the program is not waiting yet when it tells of a stop, and then stays there.
        clearInterval(resuming);
        resuming = setInterval(send, 20, ['Debugger.resume']);
      }
      if (message.method === 'Debugger.resumed') clearInterval(resuming);
      // It waits for its debugger to go away.
      if (message.method === 'Runtime.executionContextDestroyed') socket.destroy();
    });
    for (const command of [
      ['Runtime.enable'],
      ['Debugger.enable'],
      ...commands,
      ['Runtime.runIfWaitingForDebugger'],
    ] as Command[]) {
      send(command);
    }
  });
}

function upgraded(url: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
    };
    http
      .get(url.replace('ws:', 'http:'), { headers })
      .on('upgrade', (_, socket: Socket, head) => {
        socket.unshift(head);
        resolve(socket);
      })
      .on('error', reject);
  });
}

interface Message {
  readonly method?: string;
  readonly params: { readonly reason: string };
}

function onMessages(socket: Socket, on: (message: Message) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const short = (rest[1] ?? 0) & 127;
      const start = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (rest.length < start) return;
      const length =
        short === 127 ? Number(rest.readBigUInt64BE(2)) : short === 126 ? rest.readUInt16BE(2) : short;
      if (rest.length < start + length) return;
      const isText = (rest[0]! & 15) === 1;
      const text = rest.toString('utf8', start, start + length);
      rest = rest.subarray(start + length);
      if (isText) on(JSON.parse(text) as Message);
    }
  });
}
