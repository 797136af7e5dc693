// Writes the pages and parts of pages under docs/ that come from code (npm run docs); tests fail while one is out of date.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { configurationPage } from '../dist/src/config/configuration-page.js';
import { loadCatalog } from '../dist/src/catalog/load-catalog.js';
import { modelsPage } from '../dist/src/catalog/models-page.js';
import { adapters } from '../dist/src/providers/registry.js';
import { stateDiagram } from '../dist/src/jobs/domain/diagram.js';

/** Puts `text` between `<!-- name:begin -->` and `<!-- name:end -->` of a page. */
function fill(file, name, text) {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const page = readFileSync(file, 'utf8');
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} lacks ${begin} … ${end}`);
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`);
}

mkdirSync('docs', { recursive: true });
writeFileSync('docs/configuration.md', configurationPage());
const shipped = loadCatalog({
  overlayPath: null,
  sandbox: null,
  adapters,
  hasCredential: () => false,
  endpointsFrom: () => [],
  now: () => new Date(),
});
writeFileSync('docs/models.md', modelsPage(shipped));
fill('docs/architecture.md', 'states', `\`\`\`mermaid\n${stateDiagram()}\n\`\`\``);
