"""The report page: questions asked of the tables in SQL, and their answers as one HTML file that needs no network."""
