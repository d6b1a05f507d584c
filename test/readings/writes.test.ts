import { testReadings } from './suite.ts';

testReadings([
  { operation: 'add', choices: [{}, { single: true }, { force: true }] },
  { operation: 'import', choices: [{}] },
  { operation: 'accounts-import', choices: [{}] },
]);
