"""From a question to a certified optimum: problem, program, solver; N and D for a budget."""
