/** Secrets that many people need, by the provider that they are for: their names are known beforehand. */
export type Preset = Readonly<{ provider: string; env_var_name: string }>;

export const PRESETS: readonly Preset[] = [
  { provider: 'openai', env_var_name: 'OPENAI_API_KEY' },
  { provider: 'anthropic', env_var_name: 'ANTHROPIC_API_KEY' },
  { provider: 'github', env_var_name: 'GITHUB_TOKEN' },
  { provider: 'tinker', env_var_name: 'TINKER_API_KEY' },
];
