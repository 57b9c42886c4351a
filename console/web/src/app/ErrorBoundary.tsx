import { Component, type ReactNode } from "react";
import { asApiError } from "../api/problem";
import { ErrorBox } from "../ui/ErrorBox";

interface State {
  thrown: unknown;
}

/** A mistake of the console is shown and can be tried again; never a blank page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { thrown: undefined };

  static getDerivedStateFromError(thrown: unknown): State {
    return { thrown };
  }

  override render(): ReactNode {
    if (this.state.thrown === undefined) return this.props.children;
    return (
      <main className="alone">
        <ErrorBox
          error={asApiError(this.state.thrown)}
          onRetry={() => window.location.reload()}
        />
      </main>
    );
  }
}
