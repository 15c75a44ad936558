# Sign-in, quarantine, errors
sign-in-title = Sign in
sign-in-lead = The health of your fleet, school by school.
sign-in-login = Login
sign-in-password = Password
sign-in-go = Sign in
sign-in-wrong = Wrong login or password. After five tries this account waits for a quarter of an hour.
sign-in-too-many = Too many tries for this account. Wait for a quarter of an hour, or ask a supervisor for a new password.
sign-in-busy = Too many sign-ins at once. Try again in a moment.
sign-in-no-users = No account exists yet. On the server, create the first one:
role-supervisor = supervisor
role-technician = technician
quarantine-title = Quarantine
quarantine-lead = A machine that enrolled from an unexpected address has no vote and opens no ticket until somebody approves it.
quarantine-none = No machine waits for approval.
quarantine-approve = Approve
quarantine-approve-named = Approve { $name }
quarantine-approve-all = { $n ->
    [one] Approve this machine
   *[other] Approve all { $n } machines
}
quarantine-supervisors = Only a supervisor can approve a machine.
quarantine-done = { $n ->
    [0] No machine was waiting any more.
    [one] { $n } machine approved.
   *[other] { $n } machines approved.
}
quarantine-column-why = Why
quarantine-column-address = Address
quarantine-column-enrolled = Enrolled
quarantine-column-school = School of the token
quarantine-column-action = Action
why-address-not-expected = address outside the known networks of the school
why-other-hardware = the hardware is not the one that enrolled
why-no-network = the school has no declared network
error-not-found = This page does not exist
error-not-found-advice = The link is old or was copied wrongly. Start again from the fleet.
error-forbidden = Your role does not allow this
error-forbidden-advice = Ask a supervisor to do it.
error-sign-in-needed = Sign in first
error-sign-in-needed-advice = Your session is over or has not begun.
error-form-expired = This form is no longer valid
error-form-expired-advice = The page was open for too long, or you signed in again. Nothing was changed: open the page again and retry.
error-body-too-large = This form is too large
error-body-too-large-advice = Nothing was changed. Send less.
error-body-invalid = This form could not be read
error-body-invalid-advice = Nothing was changed. Open the page again and retry.
error-overloaded = Too many requests at once
error-overloaded-advice = Try again in a moment.
error-internal = The collector could not answer
error-internal-advice = The failure is in its log. Try again; if it lasts, tell whoever runs the service.
error-home = Go to the fleet
