"""CGI's lineage: the parameters and heads of FastCGI, SCGI and uwsgi."""
