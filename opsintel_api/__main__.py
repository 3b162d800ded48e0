"""`python -m opsintel_api`: the API and the dashboard."""

from opsintel_api.serve import main

if __name__ == "__main__":
    main()
