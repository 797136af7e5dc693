import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage<string>();

/** Runs `fn` and everything it starts under this request id; log lines carry it. */
export const withRequestId = <T>(requestId: string, fn: () => T): T => storage.run(requestId, fn);

/** The id of the request being served, or undefined outside of one. */
export const currentRequestId = (): string | undefined => storage.getStore();
