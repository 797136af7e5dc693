import { csvLine } from './csv.js';

test.each([
  [['a', 1, -2.5], 'a,1,-2.5\r\n'],
  [['a,b', 'say "hi"', 'two\nlines'], '"a,b","say ""hi""","two\nlines"\r\n'],
  [['=1+1', '+1', '-1', '@x', '\tx', '\rx'], `'=1+1,'+1,'-1,'@x,'\tx,"'\rx"\r\n`],
  [['=HYPERLINK("x","y")'], `"'=HYPERLINK(""x"",""y"")"\r\n`],
  [['', 'a=b', 'x-1'], ',a=b,x-1\r\n'],
] as [(string | number)[], string][])('%j', (values, line) => {
  expect(csvLine(values)).toBe(line);
});
