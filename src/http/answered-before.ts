/** Thrown to answer a request with what was answered before, whichever way its handler would have written its answer. */
export class AnsweredBefore extends Error {
  override readonly name = 'AnsweredBefore';

  constructor(readonly answer: { status: number; headers: Record<string, string>; body: string | Buffer }) {
    super('the request was answered before');
  }
}
