import { type ArmedFault, FaultBoard, readPrompt } from './faults.js';

const armed = (fault: ArmedFault['fault'], more: Partial<ArmedFault> = {}): ArmedFault => ({
  provider: '*',
  fault,
  times: 1,
  value: null,
  match: null,
  ...more,
});

describe('readPrompt', () => {
  it('takes the markers out of the text', () => {
    expect(readPrompt('A [[sandbox:latency=250]] fox [[sandbox:TRUNCATE]]')).toEqual({
      text: 'A  fox',
      faults: { latency: 250, truncate: null },
      problem: null,
    });
    expect(readPrompt('no [marker] [[here]]')).toEqual({ text: 'no [marker] [[here]]', faults: {}, problem: null });
  });

  it.each([
    ['[[sandbox:polcy]]', /unknown sandbox marker 'polcy'/],
    ['[[sandbox:latency]]', /needs a value \(ms\)/],
    ['[[sandbox:429=often]]', /whole number/],
    ['[[sandbox:429=-1]]', /whole number/],
    ['[[sandbox:policy=2]]', /takes no value/],
  ])('says what is wrong with %s', (prompt, problem) => {
    expect(readPrompt(prompt).problem).toMatch(problem);
  });
});

describe('FaultBoard', () => {
  it('shows a marker as often as it says, per prompt', () => {
    const board = new FaultBoard();
    const submit = (prompt: string) => board.onSubmit('gemini', 'submit', prompt, { 429: 2 })?.name;
    expect([submit('a'), submit('a'), submit('a'), submit('b')]).toEqual(['429', '429', undefined, '429']);
    board.clear();
    expect(submit('a')).toBe('429');
  });

  it('shows download faults once per task, and lasting ones always', () => {
    const board = new FaultBoard();
    const during = (task: string, faults: object) => board.during('comfyui', 'download', task, '', faults);
    expect([during('1', { truncate: null }), during('1', { truncate: null }), during('2', { truncate: null })]).toEqual(
      ['truncate', null, 'truncate'],
    );
    expect([during('3', { expired: null }), during('3', { expired: null })]).toEqual(['expired', 'expired']);
    expect(during('4', { malformed: null })).toBeNull();
  });

  it('consumes what is armed, by provider and prompt', () => {
    const board = new FaultBoard();
    board.arm(armed('503', { provider: 'vertex', times: 2, match: 'fox' }));
    expect(board.onSubmit('gemini', 'submit', 'fox', {})).toBeNull();
    expect(board.onSubmit('vertex', 'submit', 'hen', {})).toBeNull();
    expect(board.onSubmit('vertex', 'accept', 'fox', {})).toBeNull();
    expect(board.onSubmit('vertex', 'submit', 'a fox', {})?.name).toBe('503');
    expect(board.list()).toEqual([armed('503', { provider: 'vertex', times: 1, match: 'fox' })]);
    expect(board.onSubmit('vertex', 'submit', 'a fox', {})?.name).toBe('503');
    expect(board.onSubmit('vertex', 'submit', 'a fox', {})).toBeNull();
  });

  it('binds run faults to the next tasks, each once', () => {
    const board = new FaultBoard();
    board.arm(armed('latency', { times: null, value: 5 }));
    board.arm(armed('never'));
    expect(board.bind('acestep', 'x', { policy: null })).toEqual({ policy: null, latency: 5, never: null });
    expect(board.bind('acestep', 'x', {})).toEqual({ latency: 5 });
  });
});
