/** Addresses of the pages. */
export const paths = {
  login: "/login",
  apps: "/apps",
  inspector: "/inspector",
  server: "/server",
  app: (id: string): string => `/apps/${id}`,
  jobs: (id: string, search = ""): string => `/apps/${id}/jobs${search}`,
  newJob: (id: string): string => `/apps/${id}/jobs/new`,
  job: (appId: string, id: string): string => `/apps/${appId}/jobs/${id}`,
  editJob: (appId: string, id: string): string => `/apps/${appId}/jobs/${id}/edit`,
  instances: (id: string, search = ""): string => `/apps/${id}/instances${search}`,
  instance: (appId: string, id: string): string => `/apps/${appId}/instances/${id}`,
  calendar: (id: string): string => `/apps/${id}/calendar`,
  workers: (id: string): string => `/apps/${id}/workers`,
  worker: (id: string, node: string): string => `/apps/${id}/workers/${encodeURIComponent(node)}`,
};
