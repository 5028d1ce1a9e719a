/// Applications for the mock server.
import type { Application, ApplicationState } from "../../src/lib/api.ts";

export function application(id: string, name: string, status: ApplicationState): Application {
  return {
    id,
    spec: { name, type: "org.apache.brooklyn.entity.stock.BasicApplication", locations: ["m9pj3m1yuc"] },
    status,
  };
}
