import { Pool } from 'undici';
import { quantile } from './numbers.js';

export interface Load {
  /** Requests answered per second. */
  rate: number;
  p50Ms: number;
  p99Ms: number;
}

export interface Target {
  url: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

/**
 * `clients` keep-alive connections, each posting again as soon as it was answered, for `seconds`. Any answer but 202 ends the
 * run with what it said.
 */
export async function load(target: Target, clients: number, seconds: number): Promise<Load> {
  const pool = new Pool(target.url, { connections: clients, pipelining: 1 });
  const latencies: number[] = [];
  const started = performance.now();
  const until = started + seconds * 1000;
  const client = async (): Promise<void> => {
    for (let before = performance.now(); before < until; before = performance.now()) {
      await postOnce(pool, target);
      latencies.push(performance.now() - before);
    }
  };
  try {
    await Promise.all(Array.from({ length: clients }, client));
    const took = (performance.now() - started) / 1000;
    return { rate: latencies.length / took, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
  } finally {
    await pool.close();
  }
}

/** `count` requests over `clients` connections. */
export async function postMany(target: Target, clients: number, count: number): Promise<void> {
  const pool = new Pool(target.url, { connections: clients, pipelining: 1 });
  let left = count;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await postOnce(pool, target);
    }
  };
  try {
    await Promise.all(Array.from({ length: clients }, client));
  } finally {
    await pool.close();
  }
}

async function postOnce(pool: Pool, { path, headers, body }: Target): Promise<void> {
  const answer = await pool.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 202) throw new Error(`POST ${path}: ${answer.statusCode} ${text.slice(0, 500)}`);
}
