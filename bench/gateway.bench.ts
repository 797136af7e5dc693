import { residentBytes } from './child.js';
import type { Cleanup } from './cleanup.js';
import type { Order, Served } from './gateway/client.js';
import { ALIAS, type Contender, type ContenderName, startContenders, startScript } from './gateway/contenders.js';
import { findingsOf, type Memory, type Mode, overview, type Rounds } from './gateway/findings.js';
import type { Finding } from './report.js';
import type { Servers } from './servers.js';
import type { Sizes } from './sizes.js';

/** Connections of the load; 1 stands beside it for the record. */
const CONNECTIONS = 32;
const PROMPT = 'A paper boat drifts down a rainy street at dusk, past the bakery and the closed cinema. '.repeat(10);
const ENDS: Readonly<Record<Mode, string>> = { whole: '}', streamed: 'data: [DONE]' };
export const MODES: readonly Mode[] = ['whole', 'streamed'];

const say = (text: string): void => void process.stderr.write(`${text}\n`);

type Client = (contender: Contender, mode: Mode, how: Partial<Order>) => Promise<Served>;

/**
 * The gateway beside the upstream itself, the least proxy, and Portkey's, in turns: whole answers and streams of 200 chunks.
 * `requests`: how many whole answers each process has given when its memory is read.
 */
export async function gatewayBench(
  servers: Servers,
  cleanup: Cleanup,
  quick: boolean,
  { requests }: Sizes,
): Promise<Finding[]> {
  const contenders = await startContenders(servers, cleanup, say);
  const ask = await startClient(cleanup);
  const [count, seconds] = quick ? [3, 1] : [5, 4];
  for (const contender of contenders)
    for (const mode of MODES) await ask(contender, mode, { seconds, connections: CONNECTIONS });

  const rounds: Rounds = { [CONNECTIONS]: [], 1: [] };
  for (let round = 0; round < count; round += 1)
    for (const mode of MODES)
      for (const connections of [CONNECTIONS, 1]) {
        const served = new Map<ContenderName, Served>();
        for (const one of contenders)
          served.set(
            one.name,
            await ask(one, mode, { seconds: connections === 1 ? seconds / 2 : seconds, connections }),
          );
        rounds[connections]?.push({ mode, served });
      }
  const memory = await memories(contenders, ask, requests ?? (quick ? 5000 : 100_000));
  say(overview(contenders, rounds, CONNECTIONS, memory));
  return findingsOf(contenders, rounds, CONNECTIONS, memory);
}

async function startClient(cleanup: Cleanup): Promise<Client> {
  const client = await startScript('client', {}, cleanup);
  return async ({ url, headers, name }, mode, how) => {
    const order: Order = {
      url,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({
        model: name === 'Kiln' ? ALIAS : 'up-model',
        messages: [
          { role: 'system', content: 'You tell short stories.' },
          { role: 'user', content: PROMPT },
        ],
        temperature: 0.7,
        ...(mode === 'streamed' && { stream: true }),
      }),
      connections: CONNECTIONS,
      endsWith: ENDS[mode],
      ...how,
    };
    const response = await fetch(client.url, { method: 'POST', body: JSON.stringify(order) });
    if (!response.ok) throw new Error(`${name}, ${mode}: ${await response.text()}`);
    return (await response.json()) as Served;
  };
}

/** Resident memory at rest, after half of the requests, and after all of them. */
async function memories(contenders: readonly Contender[], ask: Client, requests: number): Promise<Memory[]> {
  const found: Memory[] = [];
  for (const contender of contenders) {
    const { pid, name } = contender;
    if (pid === null) continue;
    const read = async (): Promise<number> => (await residentBytes(pid))?.now ?? Number.NaN;
    const half = { requests: Math.ceil(requests / 2), connections: CONNECTIONS };
    await ask(contender, 'whole', half);
    const halfwayBytes = await read();
    await ask(contender, 'whole', half);
    found.push({ name, requests, halfwayBytes, bytes: await read() });
  }
  return found;
}
