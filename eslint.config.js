import eslint from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// What no rule of a recommended set says, and what this code promises.
const ENVIRONMENT_RULE = {
  object: 'process',
  property: 'env',
  message: 'Settings are read in src/config alone.',
};

export default defineConfig(
  // The last one is generated.
  globalIgnores(['dist/', 'coverage/', 'node_modules/', '.coffer/', 'src/cli/api-types.ts']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      // Nest's modules are empty classes whose decorator says it all.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // A record of fields reads better as a type; both are in use where they fit.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // Index signatures are reached with brackets (noPropertyAccessFromIndexSignature).
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `() => void something()` and `return void` in arrow callbacks are plain enough.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'off',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Views and request shapes are classes for the sake of their decorators; field by field is how they are made.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // A spread string gives code points, which is what is counted here.
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/unbound-method': ['error', { ignoreStatic: true }],
      // Its advice is the non-null assertion, which is refused.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // Control characters are what the rules for values are about.
      'no-control-regex': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-inferrable-types': 'error',
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
    },
  },
  {
    files: ['src/**/*.ts', 'migrations/**/*.ts'],
    rules: { 'no-restricted-properties': ['error', ENVIRONMENT_RULE] },
  },
  { files: ['src/config/**/*.ts', 'src/cli/environment.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    // The command talks to people on the terminal.
    files: ['src/cli/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // What the service answers is looked at as it comes; the assertions are its types.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        fetch: 'readonly',
        performance: 'readonly',
        AbortController: 'readonly',
        AbortSignal: 'readonly',
      },
    },
  },
);
