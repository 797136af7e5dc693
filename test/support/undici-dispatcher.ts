const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

/**
 * Jest runs tests in a context of its own, whose global object lacks the dispatcher that Node keeps for its fetch. Clients
 * that look for it there (Google's) are given Node's own: fetch comes from outside of the context, so its realm has it.
 */
export function lendUndiciDispatcher(): void {
  const outside = (fetch.constructor as (body: string) => () => Record<symbol, unknown>)('return globalThis')();
  Object.assign(globalThis, { [DISPATCHER]: outside[DISPATCHER] });
}
